"""The breaker, as all replicas share it: who gets a place while it is open, and what closes it."""

import threading

import psycopg

from common import attempts, breaker, capacity
from common.attempts import AttemptState, Record
from common.limits import CAPACITY_LOCK
from common.provider import OurTrouble
from services.ingest.selling.outlook import Means, Obstacle, Outlook
from tests.integration.jobs.asking import AWAY, GOOD, LIMITS, WAIT_S, ask, due, end, going, hear, state, wake
from tests.integration.runtime.rig import Rig
from tests.integration.sandbox.standin import until


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
