"""The clock on real servers: it wakes what is due, oldest first and once, and never passes over a promise."""

import contextlib
import json
import threading
import uuid
from collections.abc import Iterator, Sequence

import psycopg
import pytest

from common.broker import Broker
from common.confirms import Message
from common.publisher import Patience
from common.stages import Plan, Stage
from services.poller.clock import Clock
from tests.integration.locks import await_second_try
from tests.integration.runtime.rig import PATIENCE, Rig, TinyLane
from tests.integration.sandbox.standin import until

PAID, ATTENTION = "submitter.payment.completed", "notifier.job.attention"
CLAIM_S = 30.0


@pytest.fixture
def amqp(rig: Rig) -> Iterator[Broker]:
    with _connected(rig) as made:
        yield made


@contextlib.contextmanager
def _connected(rig: Rig) -> Iterator[Broker]:
    broker = Broker(rig.amqp_url, "clock", patience=PATIENCE)
    broker.start()
    try:
        until(lambda: broker.ready)
        yield broker
    finally:
        broker.stop()


def _clock(rig: Rig, broker: Broker, claim_s: float = CLAIM_S, plans: dict[Stage, Plan] | None = None) -> Clock:
    return Clock(rig.database, broker, plans or rig.plans, claim_s)


def _due(rig: Rig, count: int = 1, promise_s: float = 3600) -> list[uuid.UUID]:
    """Paid jobs that are due, each a second longer than the next."""
    ids = rig.paid(count, promise_s)
    for age_s, job_id in enumerate(reversed(ids)):
        rig.sql(
            "UPDATE jobs SET wake_at = now() - make_interval(secs => %(age)s) WHERE job_id = %(job)s",
            age=age_s + 1, job=job_id,
        )  # fmt: skip
    return ids


def _woken(rig: Rig, queue: str = PAID) -> list[uuid.UUID]:
    return [uuid.UUID(json.loads(body)["data"]["job_id"]) for body, _ in rig.take(queue)]


def _wakes_in(rig: Rig, job: uuid.UUID) -> float:
    ((seconds,),) = rig.sql("SELECT extract(epoch FROM wake_at - now())::float8 FROM jobs WHERE job_id = %(j)s", j=job)
    return float(seconds)


def test_due_jobs_are_woken_oldest_first(rig: Rig, amqp: Broker) -> None:
    ids = _due(rig, 20)
    rig.paid(5)  # not due

    assert _clock(rig, amqp).tick() == 20
    assert _woken(rig) == ids


def test_a_woken_job_is_not_due_again_at_once(rig: Rig, amqp: Broker) -> None:
    (job,) = _due(rig)
    clock = _clock(rig, amqp)

    assert [clock.tick(), clock.tick()] == [1, 0]
    assert 115 < _wakes_in(rig, job) <= 120  # its second wait: the first brought no progress


def test_waits_grow_while_nothing_moves(rig: Rig, amqp: Broker) -> None:
    (job,) = _due(rig)
    waits = []
    for _ in range(4):
        rig.sql("UPDATE jobs SET wake_at = now()")
        _clock(rig, amqp).tick()
        waits.append(round(_wakes_in(rig, job) / 60))

    assert waits == [2, 4, 8, 16]


def test_two_clocks_wake_each_job_once(rig: Rig, amqp: Broker) -> None:
    ids = _due(rig, 200)
    with _connected(rig) as other:
        clocks = [_clock(rig, amqp), _clock(rig, other)]
        threads = [threading.Thread(target=clock.tick) for clock in clocks for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sorted(_woken(rig)) == sorted(ids)


class Killed(Broker):
    """A clock that dies after its commit never gets further than here."""

    def __init__(self) -> None:
        """It has no connections."""

    def publish_and_wait(self, messages: Sequence[Message]) -> bool:
        del messages
        raise SystemExit


def test_a_clock_killed_between_commit_and_publish_wakes_again_after_its_claim(rig: Rig, amqp: Broker) -> None:
    ids = _due(rig, 3)
    with pytest.raises(SystemExit):
        _clock(rig, Killed(), claim_s=0.3).tick()
    clock = _clock(rig, amqp)

    assert clock.tick() == 0
    until(lambda: clock.tick() == 3)
    assert sorted(_woken(rig)) == sorted(ids)


def test_no_wait_passes_over_the_promise(rig: Rig, amqp: Broker) -> None:
    (job,) = _due(rig, promise_s=40)
    _clock(rig, amqp).tick()

    assert 30 < _wakes_in(rig, job) <= 40


def test_a_promise_that_is_past_does_not_wake_for_ever(rig: Rig, amqp: Broker) -> None:
    (job,) = _due(rig, promise_s=-5)
    clock = _clock(rig, amqp)

    assert [clock.tick(), clock.tick()] == [1, 0]
    assert _woken(rig) == [job]


def test_a_held_job_raises_attention_instead_of_its_event(rig: Rig, amqp: Broker) -> None:
    (job,) = _due(rig)
    rig.sql("UPDATE jobs SET hold_reason = 'looks odd'")
    _clock(rig, amqp).tick()

    assert (_woken(rig), _woken(rig, ATTENTION)) == ([], [job])
    assert rig.sql("SELECT reason FROM attention WHERE closed_at IS NULL") == [("held",)]


def test_a_held_job_past_its_promise_is_woken_to_fail(rig: Rig, amqp: Broker) -> None:
    (job,) = _due(rig, promise_s=-1)
    rig.sql("UPDATE jobs SET hold_reason = 'looks odd'")
    _clock(rig, amqp).tick()

    assert (_woken(rig), _woken(rig, ATTENTION)) == ([job], [])


@pytest.mark.parametrize(("stage", "ended"), [("refund", "failed_at"), ("keep", "completed_at")])
def test_a_job_held_after_its_end_is_not_forgotten_when_the_promise_is_past(
    rig: Rig, amqp: Broker, stage: str, ended: str
) -> None:
    (job,) = _due(rig, promise_s=-1)
    rig.sql(f"UPDATE jobs SET stage = %(stage)s, {ended} = now(), hold_reason = 'refund brake'", stage=stage)
    _clock(rig, amqp).tick()

    assert _woken(rig, ATTENTION) == [job]


def test_a_job_that_a_lane_is_moving_is_left_to_it(rig: Rig, amqp: Broker) -> None:
    busy, free = _due(rig, 2)
    with psycopg.connect(rig.database_url) as lane:
        lane.execute("SELECT 1 FROM jobs WHERE job_id = %s FOR UPDATE", [busy])
        assert _clock(rig, amqp).tick() == 1
    assert _woken(rig) == [free]


def test_the_clock_does_not_undo_what_a_lane_decided_meanwhile(rig: Rig, amqp: Broker) -> None:
    (job,) = _due(rig)
    moved = Mover(rig, amqp)
    Clock(rig.database, moved, rig.plans, CLAIM_S).tick()

    assert 4900 < _wakes_in(rig, job) <= 5000


class Mover(Broker):
    """Publishes, and before the confirm is seen a lane has already set the job's next wake-up."""

    def __init__(self, rig: Rig, real: Broker) -> None:
        self._rig, self._real = rig, real

    def publish_and_wait(self, messages: Sequence[Message]) -> bool:
        done = self._real.publish_and_wait(messages)
        self._rig.sql("UPDATE jobs SET wake_at = now() + interval '5000 s', version = version + 1")
        return done


def test_a_wake_up_that_was_not_confirmed_is_repeated_soon_and_does_not_count(rig: Rig, amqp: Broker) -> None:
    (job,) = _due(rig)
    away = Broker("amqp://127.0.0.1:9/", "away", patience=Patience(confirm_s=0.5))
    away.start()
    for _ in range(2):
        rig.sql("UPDATE jobs SET wake_at = now()")
        _clock(rig, away).tick()
        assert 4 < _wakes_in(rig, job) <= 5
    away.stop()
    assert rig.sql("SELECT wakes FROM jobs") == [(0,)]
    rig.sql("UPDATE jobs SET wake_at = now()")
    _clock(rig, amqp).tick()

    assert _woken(rig) == [job]
    assert 115 < _wakes_in(rig, job) <= 120  # as after its first


def test_a_clock_outlives_a_database_that_stumbles(rig: Rig, amqp: Broker) -> None:
    ids, stop = _due(rig, 3), threading.Event()
    thread = threading.Thread(target=_clock(rig, amqp).run, args=[stop])
    with psycopg.connect(rig.database_url) as person:
        person.execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")  # longer than a statement may wait for a lock
        thread.start()
        await_second_try(rig.database_url)
    until(lambda: rig.depth(PAID) == 3)
    stop.set()
    thread.join()
    assert _woken(rig) == ids


def test_clock_and_lane_together_end_what_they_started(rig: Rig, amqp: Broker) -> None:
    ids, stop = _due(rig, 50), threading.Event()
    thread = threading.Thread(target=_clock(rig, amqp).run, args=[stop])
    thread.start()
    with rig.running(TinyLane()):
        until(lambda: rig.all_in(Stage.WATCH, ids))
    stop.set()
    thread.join()

    assert rig.sql("SELECT count(*) FROM job_events WHERE kind = 'submitted'") == [(50,)]
