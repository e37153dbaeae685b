"""The refund brake: a wrong clock or key must not refund a day's business."""

from collections.abc import Sequence
from uuid import UUID

import pytest

from common import brake, holds, jobs
from common.events import UpscaleFailed
from common.lane import Question, Work
from common.outcomes import Move, Nothing, Outcome
from common.stages import Stage, Status
from services.finisher.handler_refund import Refund
from services.finisher.settings import RefundSettings
from services.notifier.notices import Notices
from services.notifier.settings import NotifierSettings
from tests.integration.runtime.rig import Rig
from tests.unit import builders


@pytest.fixture
def lane(desk: Rig) -> Refund:
    return Refund(builders.settings(RefundSettings, refunds_per_hour=3), desk.plans)


def failed(desk: Rig, count: int) -> list[UUID]:
    ids = desk.paid(count)
    with desk.database.transaction() as tx:
        move = Move(Stage.REFUND, "failed", status=Status.FAILED, failure_reason="promise")
        jobs.apply(tx, desk.plans, "tests", [(job, move) for job in jobs.lock(tx, ids).values()])
    return ids


def deliver(desk: Rig, lane: Refund, ids: Sequence[UUID]) -> list[Question | Outcome]:
    """The events of these jobs, as the runtime hands them to the lane: held ones are left alone."""
    with desk.database.transaction() as tx:
        known = jobs.lock(tx, ids)
        work = [Work(UpscaleFailed(job_id=job), known[job]) for job in ids if not known[job].held]
        steps = list(lane.begin(tx, work)) if work else []
        moves = [(w.job, step) for w, step in zip(work, steps, strict=True) if isinstance(step, Move)]
        jobs.apply(tx, desk.plans, "tests", moves)
    return steps


def asked(steps: Sequence[Question | Outcome]) -> int:
    return sum(isinstance(step, Question) for step in steps)


def test_what_is_beyond_the_hours_refunds_is_held_and_a_person_is_told_once(desk: Rig, lane: Refund) -> None:
    steps = deliver(desk, lane, failed(desk, 5))

    assert asked(steps) == 3
    assert desk.sql("SELECT count(*) FROM refunds") == [(3,)]
    assert desk.sql("SELECT count(*), min(hold_reason) FROM jobs WHERE hold_reason IS NOT NULL") == [(2, brake.HOLD)]
    assert desk.sql("SELECT count(*) FROM attention WHERE reason = 'refund_brake'") == [(2,)]
    deliver(desk, lane, failed(desk, 2))
    assert desk.sql("SELECT count(*) FROM mails WHERE kind = 'notice'") == [(1,)]


def test_an_hour_later_new_refunds_go_and_the_held_ones_stay_held(desk: Rig, lane: Refund) -> None:
    ids = failed(desk, 4)
    deliver(desk, lane, ids)
    desk.sql("UPDATE passes SET at = at - interval '61 minutes'")

    assert asked(deliver(desk, lane, failed(desk, 1))) == 1
    assert asked(deliver(desk, lane, ids[3:])) == 0


def test_the_released_are_refunded_although_the_brake_is_still_on(desk: Rig, lane: Refund) -> None:
    ids = failed(desk, 5)
    deliver(desk, lane, ids)

    with desk.database.transaction() as tx:
        released = holds.release_oldest(tx, desk.plans, "kim", brake.HOLD)

    assert len(released) == 2
    assert desk.sql("SELECT count(*) FROM attention WHERE closed_at IS NULL") == [(0,)]
    assert desk.sql("SELECT count(*) FROM jobs WHERE wake_at <= now()") == [(2,)]
    assert asked(deliver(desk, lane, released)) == 2


def test_any_release_of_a_single_job_lets_it_through(desk: Rig, lane: Refund) -> None:
    ids = failed(desk, 4)
    deliver(desk, lane, ids)
    with desk.database.transaction() as tx:
        [job] = [job for job in jobs.lock(tx, ids).values() if job.held]
        jobs.apply(tx, desk.plans, "kim", [(job, Move(job.stage, "released", hold=""))])

    assert asked(deliver(desk, lane, [job.job_id])) == 1


def test_a_repeated_message_does_not_count_twice(desk: Rig, lane: Refund) -> None:
    ids = failed(desk, 3)
    for _ in range(4):
        deliver(desk, lane, ids)

    assert deliver(desk, lane, ids[:1]) == [Nothing("Stripe is being asked")]
    assert desk.sql("SELECT count(*) FROM passes") == [(3,)]


def test_the_operator_gets_the_notice_once(desk: Rig, lane: Refund) -> None:
    deliver(desk, lane, failed(desk, 5))
    sender = Notices(builders.settings(NotifierSettings), desk.database)

    assert sender.send_one()
    assert not sender.send_one()
    assert desk.sql("SELECT state, claim_no FROM mails WHERE kind = 'notice'") == [("sent", 1)]


@pytest.mark.parametrize("reason", ["cancelled", "operator"])
def test_what_a_person_gave_up_neither_meets_the_brake_nor_trips_it(desk: Rig, lane: Refund, reason: str) -> None:
    given_up = failed(desk, 5)
    desk.sql("UPDATE jobs SET failure_reason = %(reason)s", reason=reason)

    assert asked(deliver(desk, lane, given_up)) == 5
    assert desk.sql("SELECT count(*) FROM passes") == [(0,)]
    assert asked(deliver(desk, lane, failed(desk, 4))) == 3
