"""The stage table, row by row, as design section 4 prints it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.events import EVENTS, Event, JobCompleted, JobRefunded
from common.stages import GROWTH_LIMIT_S, Plan, Stage, Status, event_of
from tests.unit.builders import the_plans

HOUR_S = 3600

TABLE = {
    Stage.CHECKOUT: ("checkout.check", HOUR_S, [HOUR_S, HOUR_S, HOUR_S]),
    Stage.SUBMIT: ("payment.completed", 60, [60, 120, 240]),
    Stage.WATCH: ("upscale.check", 30, [30, 30, 30]),
    Stage.FETCH: ("upscale.done", 60, [60, 120, 240]),
    Stage.REFUND: ("upscale.failed", 60, [60, 120, 240]),
    Stage.ANNOUNCE: ("job.completed", 60, [60, 120, 240]),
    Stage.REMIND: ("link.expiring", 21 * HOUR_S, [60, 120, 240]),
    Stage.KEEP: ("file.expired", 7 * 24 * HOUR_S, [60, 120, 240]),
}


@pytest.mark.parametrize(("stage", "row"), TABLE.items(), ids=TABLE.keys())
def test_a_stage_has_its_event_and_its_waits(stage: Stage, row: tuple[str, float, list[float]]) -> None:
    name, first_s, waits = row
    plan = the_plans()[stage]

    assert plan.event.name == name
    assert plan.first_s == first_s
    assert [plan.wait_s(wakes) for wakes in range(3)] == waits


def test_every_stage_but_the_last_moves_on() -> None:
    assert set(the_plans()) == set(Stage) - {Stage.SETTLED}


def test_no_two_stages_share_an_event() -> None:
    events = [plan.event for plan in the_plans().values()]

    assert len(events) == len(set(events))


@given(st.integers(0, 10_000), st.floats(0.01, 100_000))
def test_a_wait_never_shrinks_and_stops_growing(wakes: int, every_s: float) -> None:
    plan = Plan(JobCompleted, every_s, every_s, grows=True)

    assert every_s <= plan.wait_s(wakes) <= plan.wait_s(wakes + 1) <= max(GROWTH_LIMIT_S, every_s)


@pytest.mark.parametrize("status", Status)
def test_announce_tells_of_the_refund_unless_it_was_delivered(status: Status) -> None:
    expected = JobCompleted if status is Status.COMPLETED else JobRefunded

    assert event_of(the_plans()[Stage.ANNOUNCE], status) is expected


@pytest.mark.parametrize("stage", sorted(set(TABLE) - {Stage.ANNOUNCE}))
def test_other_stages_have_one_event_whatever_the_status(stage: Stage) -> None:
    plan = the_plans()[stage]

    assert {event_of(plan, status) for status in Status} == {plan.event}


@pytest.mark.parametrize("cls", EVENTS.values(), ids=EVENTS.keys())
def test_every_event_has_one_queue_of_its_consumer(cls: type[Event]) -> None:
    service, _, name = cls.queue.partition(".")

    assert name == cls.name
    assert service in {"ingest", "submitter", "poller", "finisher", "notifier"}


def test_a_short_link_is_reminded_of_at_once_and_never_in_the_past() -> None:
    assert the_plans(download_ttl_hours=1)[Stage.REMIND].first_s == 0
