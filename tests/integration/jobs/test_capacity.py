"""The provider's capacity: places and slot times, as all replicas share them."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

import pytest

from common import capacity, jobs
from common.outcomes import Move
from common.stages import Stage
from services.poller.places import Places
from services.poller.settings import PollerSettings
from tests.integration.jobs.asking import LIMITS, WAIT_S, ask, due, end, going, wake
from tests.integration.runtime.rig import Rig
from tests.unit import builders


def test_as_many_go_as_there_are_places_and_the_others_wait_without_a_try(desk: Rig) -> None:
    ids = desk.paid(3)

    turns = ask(desk, *ids)

    assert len(going(turns)) == 2
    assert [turn.wait_s for turn in turns.values() if not turn.go] == [WAIT_S]


def test_a_place_that_becomes_free_wakes_the_oldest_promise(desk: Rig) -> None:
    young, old = desk.paid(1, promise_s=7200)[0], desk.paid(1, promise_s=3600)[0]
    busy = desk.paid(2)
    assert len(going(ask(desk, *busy))) == 2
    assert not going(ask(desk, young, old))
    assert wake(desk) == 0
    desk.sql("UPDATE jobs SET wake_at = now() + interval '1 hour'")

    end(desk, busy[0])

    assert wake(desk) == 1
    assert due(desk) == [old]
    assert going(ask(desk, young, old)) == [old]


def test_who_comes_later_goes_behind_those_who_wait(desk: Rig) -> None:
    busy, waiting, late = desk.paid(2), desk.paid(1)[0], desk.paid(1, promise_s=9999)[0]
    ask(desk, *busy)
    ask(desk, waiting)
    end(desk, busy[0])

    assert not going(ask(desk, late))
    assert going(ask(desk, waiting)) == [waiting]


def test_a_place_that_nobody_came_for_is_given_again_in_the_same_order(desk: Rig) -> None:
    busy, waiting = desk.paid(2), desk.paid(2)
    ask(desk, *busy)
    ask(desk, *waiting)
    end(desk, busy[0])
    assert wake(desk) == 1
    assert wake(desk) == 0

    desk.sql("UPDATE submit_queue SET slot_at = slot_at - interval '1 minute'")

    assert wake(desk) == 1
    given = desk.sql("SELECT job_id FROM submit_queue WHERE slot_at > now() - interval '2 s'")
    assert given == desk.sql("SELECT job_id FROM submit_queue ORDER BY due_at, job_id LIMIT 1")


def test_orders_that_went_elsewhere_meanwhile_leave_the_queue(desk: Rig) -> None:
    busy, waiting = desk.paid(2), desk.paid(2)
    ask(desk, *busy)
    ask(desk, *waiting)
    with desk.database.transaction() as tx:
        job = jobs.lock(tx, waiting)[waiting[0]]
        jobs.apply(tx, desk.plans, "tests", [(job, Move(Stage.REFUND, "failed"))])
    end(desk, busy[0])

    assert wake(desk) == 1
    assert desk.sql("SELECT job_id FROM submit_queue") == [(waiting[1],)]


def test_slot_times_are_handed_out_so_that_no_minute_holds_more(desk: Rig) -> None:
    ids = desk.paid(20)
    limits = replace(LIMITS, in_flight=100, submits_per_min=10)

    turns = ask(desk, *ids, limits=limits)

    assert len(going(turns)) == 1
    waits = sorted(turn.wait_s for turn in turns.values() if not turn.go)
    assert waits == pytest.approx([limits.spacing_s * number for number in range(1, 20)], abs=1)
    within_a_minute = 1 + sum(wait_s + 3 < 60 for wait_s in waits)
    assert within_a_minute <= 10


def test_two_replicas_together_never_take_more_than_there_is(desk: Rig) -> None:
    ids = desk.paid(40)
    taken: list[UUID] = []
    together([lambda part=ids[n::8]: taken.extend(going(ask(desk, *part))) for n in range(8)])  # type: ignore[misc]

    assert len(taken) == 2
    assert desk.sql("SELECT count(*) FROM attempts") == [(2,)]


def test_an_attempt_that_nobody_asks_about_any_more_gives_its_place_back(desk: Rig) -> None:
    silent, known = desk.paid(2)
    ask(desk, silent, known)
    places = Places(desk.database, desk.plans, builders.settings(PollerSettings))
    desk.sql("UPDATE attempts SET claimed_until = now() - interval '31 minutes'")
    desk.sql("UPDATE attempts SET state = 'open', provider_id = 'up_1' WHERE job_id = %(job)s", job=known)
    assert not places.look()
    assert in_flight(desk) == 2, "the poller sees to those in watch, the submitter to those in submit"
    desk.sql("UPDATE jobs SET stage = 'refund', status = 'failed', failed_at = now()")

    [check] = Places(desk.database, desk.plans, builders.settings(PollerSettings)).look()

    assert (check.job_id, check.attempt) == (known, 1)
    assert in_flight(desk) == 1
    desk.sql("UPDATE attempts SET claimed_until = now() - interval '61 minutes'")
    assert not Places(desk.database, desk.plans, builders.settings(PollerSettings)).look()
    assert in_flight(desk) == 0


def in_flight(desk: Rig) -> int:
    with desk.database.transaction() as tx:
        return capacity.load(tx).in_flight


def test_checks_beyond_the_rate_wait_for_the_slot_times_that_they_were_given(desk: Rig) -> None:
    ids = desk.paid(10)
    waits = check(desk, ids)
    assert waits[:3] == pytest.approx([0.0, 64 / 60, 128 / 60], abs=0.2)
    assert waits == sorted(waits)

    again = check(desk, ids[5:6])

    assert again == pytest.approx(waits[5:6], abs=1)
    desk.sql("UPDATE check_slots SET slot_at = now() WHERE job_id = %(job)s", job=ids[5])
    assert check(desk, ids[5:6]) == [0.0]


def check(desk: Rig, ids: Sequence[UUID]) -> list[float]:
    with desk.database.transaction() as tx:
        waits = capacity.check_waits(tx, dict.fromkeys(ids, 1), 60)
    return [waits[job] for job in ids]


def together(calls: Sequence[Callable[[], object]]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)


def test_giving_places_while_ten_thousand_wait_is_quick(desk: Rig) -> None:
    desk.paid(10_000)
    with desk.database.transaction() as tx:
        tx.execute("INSERT INTO submit_queue (job_id, due_at) SELECT job_id, promise_at FROM jobs")
    took_s = []
    for _ in range(20):
        began = time.monotonic()
        assert wake(desk, replace(LIMITS, in_flight=15)) == 15
        took_s.append(time.monotonic() - began)
        desk.sql("UPDATE submit_queue SET slot_at = NULL WHERE slot_at IS NOT NULL")
    assert min(took_s) < 0.1, took_s  # a busy neighbour slows some of them, and never all
