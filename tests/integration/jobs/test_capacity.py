"""The provider's capacity: places, slot times and the breaker, as all replicas share them."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

import psycopg
import pytest

from common import attempts, breaker, capacity, jobs
from common.attempts import AttemptState, Claim, Record
from common.capacity import Turn
from common.limits import CAPACITY_LOCK, Limits
from common.outcomes import Move
from common.provider import NotAccepted, OurTrouble, Report, State
from common.stages import Stage
from services.ingest.selling.outlook import Means, Obstacle, Outlook
from services.poller.places import Places
from services.poller.settings import PollerSettings
from tests.integration.runtime.rig import Rig
from tests.integration.sandbox.standin import until
from tests.unit import builders

LIMITS = Limits(
    in_flight=2, submits_per_min=6000, breaker_after=2, breaker_pause_s=30, breaker_longest_s=60, probe_s=30
)
WAIT_S = 60.0
GOOD = Report("up_1", State.QUEUED)
AWAY = NotAccepted("the connection was refused", busy=False)


def ask(desk: Rig, *wanted: UUID, limits: Limits = LIMITS) -> dict[UUID, Turn]:
    """As the submitter's `begin` does: jobs locked, turns asked for, attempts claimed."""
    with desk.database.transaction() as tx:
        jobs.lock(tx, wanted)
        turns = dict(capacity.turns(tx, wanted, limits, WAIT_S))
        claims = [Claim(job, 1, 1) for job in wanted if turns[job].go]
        if claims:
            attempts.claim(tx, claims, 60)
    return turns


def going(turns: dict[UUID, Turn]) -> list[UUID]:
    return [job for job, turn in turns.items() if turn.go]


def end(desk: Rig, job: UUID) -> None:
    with desk.database.transaction() as tx:
        attempts.record(tx, [Record(job, 1, AttemptState.SUCCEEDED, ended=True)], 60)


def wake(desk: Rig, limits: Limits = LIMITS) -> int:
    with desk.database.transaction() as tx:
        return capacity.wake_waiting(tx, limits)


def hear(desk: Rig, *answers: object) -> None:
    with desk.database.transaction() as tx:
        breaker.heard(tx, answers, LIMITS)


def state(desk: Rig) -> str:
    with desk.database.transaction() as tx:
        return breaker.read(tx).state


def due(desk: Rig) -> list[UUID]:
    return [job for (job,) in desk.sql("SELECT job_id FROM jobs WHERE wake_at <= now() + interval '1 second'")]


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


def test_an_open_breaker_gives_no_place_until_its_pause_is_over_and_then_one(desk: Rig) -> None:
    ids = desk.paid(4)
    hear(desk, AWAY, AWAY)
    assert state(desk) == "open"
    assert not going(ask(desk, *ids))
    assert wake(desk) == 0

    desk.sql("UPDATE breakers SET until = now()")

    assert len(going(ask(desk, *ids))) == 1
    assert state(desk) == "half_open"
    assert not going(ask(desk, *desk.paid(2)))
    hear(desk, GOOD)
    assert state(desk) == "closed"


def test_a_probe_that_nobody_answers_for_is_followed_by_another(desk: Rig) -> None:
    ids = desk.paid(2)
    hear(desk, OurTrouble("status 401"))
    desk.sql("UPDATE breakers SET until = now()")
    [probe] = going(ask(desk, *ids))
    end(desk, probe)

    desk.sql("UPDATE breakers SET until = now()")

    assert len(going(ask(desk, *ids))) == 1


def test_a_shop_where_nobody_waits_to_try_sells_an_order_for_it_once_the_pause_is_over(desk: Rig) -> None:
    """Only orders on their way try an open breaker: when the last of them is refunded, nobody ever would."""
    means = Means(LIMITS, (), 86_400)
    [waiting] = desk.paid(1)
    hear(desk, AWAY, AWAY)
    ask(desk, waiting)
    desk.sql("UPDATE breakers SET until = now()")
    assert Outlook(desk.database, means).obstacle(1) is Obstacle.BREAKER, "there is somebody who will try"
    desk.sql("DELETE FROM submit_queue")
    assert Outlook(desk.database, means).obstacle(1) is Obstacle.BREAKER, "it comes back by its own wake-up"
    desk.sql("UPDATE jobs SET stage = 'settled', settled_at = now(), wake_at = NULL")
    assert Outlook(desk.database, means).obstacle(1) is None
    desk.sql("UPDATE breakers SET until = now() + interval '1 minute'")
    assert Outlook(desk.database, means).obstacle(1) is Obstacle.BREAKER, "the pause is not over"


def test_an_order_that_was_refused_stands_in_the_queue_while_the_breaker_is_open(desk: Rig) -> None:
    """Its own wait may be an hour: the pause is over sooner."""
    [order] = desk.paid(1)
    assert going(ask(desk, order))
    with desk.database.transaction() as tx:
        attempts.record(tx, [Record(order, 1, AttemptState.WAITING, ended=False)], 60)
        breaker.heard(tx, [AWAY, AWAY], LIMITS)
        capacity.queue_behind_breaker(tx, [order])
    desk.sql("UPDATE jobs SET wake_at = now() + interval '1 hour'")
    desk.sql("UPDATE breakers SET until = now()")
    assert wake(desk) == 1
    assert due(desk) == [order]


def test_who_hears_a_failure_waits_for_the_places_before_it_takes_the_breaker(desk: Rig) -> None:
    """As the clock does, which gives places and then lets one order try: the other way round they would deadlock."""
    waits = """SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
    hearing = threading.Thread(target=hear, args=[desk, AWAY, AWAY])
    with psycopg.connect(desk.database_url) as clock:
        clock.execute("SELECT pg_advisory_xact_lock(%s)", [CAPACITY_LOCK])
        hearing.start()
        until(lambda: desk.sql(waits))
        clock.execute("SELECT 1 FROM breakers FOR UPDATE NOWAIT")
    hearing.join(10)
    assert state(desk) == "open"


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


def test_a_refused_key_is_told_once_an_hour_and_an_outage_not_at_all(desk: Rig) -> None:
    hear(desk, AWAY, AWAY)
    hear(desk, GOOD)
    assert desk.sql("SELECT count(*) FROM mails") == [(0,)]
    for _ in range(2):
        hear(desk, OurTrouble("status 401"), OurTrouble("status 401"))
        hear(desk, GOOD)
    assert desk.sql("SELECT kind, state FROM mails") == [("notice", "waiting")]


def test_an_order_that_holds_a_place_when_the_breaker_opens_waits_without_haste(desk: Rig) -> None:
    busy, waiting = desk.paid(2), desk.paid(1)
    ask(desk, *busy)
    ask(desk, *waiting)
    end(desk, busy[0])
    assert wake(desk) == 1
    hear(desk, OurTrouble("status 402"))

    turns = ask(desk, *waiting)

    assert not going(turns)
    assert turns[waiting[0]].wait_s >= WAIT_S


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
