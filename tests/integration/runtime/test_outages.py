"""Broker and database going away under a lane: nothing is lost, nothing becomes a dead letter, all goes on alone."""

import socket
import threading
import uuid
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

import psycopg
import pytest
from pika.exceptions import UnroutableError

from common import suspects
from common.events import Event, JobCompleted, PaymentCompleted
from common.inspection import look
from common.jobs import Job
from common.lane import Question
from common.outcomes import Nothing, Outcome
from common.stages import Stage
from local.broker import Broker
from local.database import Database
from tests.infrastructure import Infrastructure, fresh_database
from tests.integration.runtime.rig import Cable, Rig, TinyLane, cable, steadily
from tests.integration.runtime.rig import rig as a_rig
from tests.integration.sandbox.standin import until

IN, OUT, DEAD = "submitter.payment.completed", "poller.upscale.submitted", "submitter.payment.completed.dead"


@pytest.fixture
def link(amqp_url: str) -> Iterator[Cable]:
    with cable(amqp_url) as relay:
        yield relay


def test_a_link_cut_while_asking_loses_neither_the_answer_nor_what_follows(rig: Rig, link: Cable) -> None:
    (job,), gate = rig.paid(), threading.Event()
    lane = TinyLane(lambda _job: gate.wait(10))
    with rig.running(lane, link.url):
        rig.pay(job)
        until(lambda: lane.asked)
        link.cut()
        until(lambda: len(lane.asked) == 2)  # it was delivered again, and asked again: this lane has no claim
        gate.set()
        until(lambda: rig.stage(job) is Stage.WATCH and rig.depth(OUT) >= 1)

    assert rig.depth(IN) == rig.depth(DEAD) == 0


class Claiming(TinyLane):
    """Like the lanes that claim: a second delivery while one is being asked finds nothing to do."""

    def _step(self, job: Job) -> Question | Outcome:
        return Nothing("being asked") if self.asked else super()._step(job)


def test_what_follows_is_emitted_although_the_delivery_came_back_meanwhile(rig: Rig, link: Cable) -> None:
    (job,), gate = rig.paid(), threading.Event()
    lane = Claiming(lambda _job: gate.wait(10))
    with rig.running(lane, link.url):
        rig.pay(job)
        until(lambda: lane.asked)
        link.cut()
        until(lambda: link.connections >= 4 and rig.depth(IN) == 0)  # reconnected; the redelivery was acknowledged
        assert steadily(lambda: rig.depth(IN) == 0, 0.5)
        gate.set()
        until(lambda: rig.depth(OUT) == 1)

    assert (lane.asked, rig.stage(job)) == ([job], Stage.WATCH)


def test_a_confirm_that_never_comes_leaves_the_delivery_unacknowledged(rig: Rig, link: Cable) -> None:
    (job,), gate = rig.paid(), threading.Event()
    lane = TinyLane(lambda _job: gate.wait(10))
    with rig.running(lane, link.url):
        rig.pay(job)
        until(lambda: lane.asked)
        link.hold()  # what we send arrives, nothing comes back: the confirm is lost
        gate.set()
        until(lambda: rig.depth(OUT) == 1)
        link.cut()  # while it is held: released first, the confirm might still come through
        link.release()
        until(lambda: rig.depth(OUT) == 2)  # delivered again, found done, emitted again

    assert lane.asked == [job]
    assert rig.depth(IN) == rig.depth(DEAD) == 0


def test_a_link_that_is_cut_again_and_again_loses_nothing(rig: Rig, link: Cable) -> None:
    ids, lane = rig.paid(120), TinyLane()
    with rig.running(lane, link.url):
        for part in range(0, 120, 20):
            rig.pay(*ids[part : part + 20])
            link.cut()
        until(lambda: rig.all_in(Stage.WATCH, ids), 30)
        until(lambda: rig.depth(IN) == 0)
        emitted = {body for body, _ in rig.take(OUT)}

    assert all(any(str(job).encode() in body for body in emitted) for job in ids)
    assert rig.depth(DEAD) == 0


def test_an_unroutable_publish_is_declared_again_and_delivered(rig: Rig) -> None:
    (job,), gate = rig.paid(), threading.Event()
    with rig.running(TinyLane(lambda _job: gate.wait(10))):
        with rig.channel() as channel:
            channel.queue_unbind(OUT, "enlarger", "upscale.submitted")
        rig.pay(job)
        gate.set()
        until(lambda: rig.depth(OUT) == 1)
        until(lambda: rig.depth(IN) == 0)


def test_a_deleted_queue_is_declared_again(rig: Rig) -> None:
    (job,) = rig.paid()
    with rig.running(TinyLane()):
        with rig.channel() as channel:
            channel.queue_delete(IN)
        until(lambda: _bound(rig, job))
        until(lambda: rig.stage(job) is Stage.WATCH)


def _bound(rig: Rig, job: uuid.UUID) -> bool:
    """Whether the message about this job found the queue: it is declared a moment before it is bound."""
    try:
        rig.pay(job)
    except UnroutableError:
        return False
    return True


class Greedy(TinyLane):
    """Consumes one queue more."""

    events: Sequence[type[Event]] = (JobCompleted, PaymentCompleted)


def _lose(broker: Broker, rig: Rig, queue: str) -> None:
    """Take away the queue's process and data; the broker goes on saying that it is there."""
    vhost = urlsplit(rig.amqp_url).path.strip("/")
    broker.ctl("eval", f"ra:force_delete_server(quorum_queues, {{'{vhost}_{queue}', node()}}).")


def test_a_queue_that_the_broker_lost_does_not_take_its_neighbours_along(
    rig: Rig, link: Cable, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suspects, "FIRST_S", 60)
    (job,), gate = rig.paid(), threading.Event()
    lane = Greedy(lambda _job: gate.wait(20))
    with rig.running(lane, link.url):
        _lose(broker, rig, JobCompleted.queue)
        rig.pay(job)
        until(lambda: lane.asked)
        link.cut()
        until(lambda: link.connections == 6)  # three pairs: cut, lost for the queue, and one without it
        assert steadily(lambda: link.connections == 6, 3)
        gate.set()
        until(lambda: rig.depth(IN) == 0)

    assert rig.depth(OUT) >= 1


def test_a_lost_queue_is_consumed_again_once_an_operator_has_deleted_it(
    rig: Rig, link: Cable, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suspects, "FIRST_S", 0.2)
    with rig.running(Greedy(), link.url):
        _lose(broker, rig, JobCompleted.queue)
        link.cut()
        before = link.connections
        until(lambda: link.connections >= before + 4)  # asked for, and lost for it, twice
        with rig.channel() as channel:
            channel.queue_delete(JobCompleted.queue)
        until(lambda: rig.consumers(JobCompleted.queue) == 1)
        assert rig.consumers(IN) == 1


def test_a_pause_while_a_suspect_waits_for_its_turn_leaves_it_one_consumer(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suspects.Suspects, "wait_s", lambda *_: 1.0)
    with rig.running(TinyLane()) as runner:
        for _ in range(3):
            runner.tap.close("a test")
            runner.tap.open("a test")
        until(lambda: rig.consumers(IN) > 0)
        assert steadily(lambda: rig.consumers(IN) == 1, 1)


def test_a_refusal_that_no_queue_takes_is_not_forgotten(rig: Rig) -> None:
    with rig.running(TinyLane()):
        with rig.channel() as channel:
            channel.queue_unbind(DEAD, "enlarger.dead", DEAD)
            rig.publish(b"nonsense")
        until(lambda: rig.depth(DEAD) == 1)

    assert rig.depth(IN) == 0


def test_connections_ended_by_the_database_sink_nothing(rig: Rig) -> None:
    ids, lane = rig.paid(40), TinyLane()
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with rig.running(lane):
        for part in range(0, 40, 8):
            rig.pay(*ids[part : part + 8])
            rig.sql(f"SELECT pg_terminate_backend(pid) {others}")
        until(lambda: _moved(rig, ids))
        until(lambda: rig.depth(IN) == 0)

    assert rig.depth(DEAD) == 0


def test_a_database_that_takes_no_writes_is_away_and_its_connections_are_not_used_again(rig: Rig) -> None:
    """A demoted primary answers, and takes nothing: the lane waits for one that writes."""
    (job,) = rig.paid()
    name = rig.sql("SELECT quote_ident(current_database())")[0][0]
    lane = TinyLane()
    rig.sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    rig.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()")  # fmt: skip
    with rig.running(lane):
        rig.pay(job)
        until(lambda: steadily(lambda: not lane.asked, 2))
        writes = "-c default_transaction_read_only=off"
        with psycopg.connect(rig.database_url, autocommit=True, options=writes) as connection:
            connection.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        until(lambda: rig.stage(job) is Stage.WATCH)
    assert (rig.depth(IN), rig.depth(DEAD)) == (0, 0)


def _moved(rig: Rig, ids: list[uuid.UUID]) -> bool:
    return rig.sql("SELECT count(*) FROM jobs WHERE stage = 'watch'") == [(len(ids),)]


@pytest.fixture(scope="module")
def mortal(infrastructure: Infrastructure) -> Iterator[Database]:
    """A PostgreSQL that may be stopped; it is up again afterwards."""
    yield infrastructure.durable_database
    if not infrastructure.durable_database.process or not infrastructure.durable_database.process.alive:
        infrastructure.durable_database.start()


def test_while_the_database_is_away_messages_are_held_and_then_handled(mortal: Database, amqp_url: str) -> None:
    with a_rig(fresh_database(mortal, "held"), amqp_url) as rig:
        ids = rig.paid(30)
        with rig.running(TinyLane()) as runner:
            mortal.stop()
            rig.pay(*ids)
            assert steadily(lambda: runner.alive, 2)
            mortal.start()
            until(lambda: _moved(rig, ids))
            until(lambda: rig.depth(OUT) == 30)
            until(lambda: rig.depth(IN) == 0)
        assert rig.depth(DEAD) == 0


def test_a_node_that_is_silent_costs_seconds_and_the_next_one_serves(rig: Rig, amqp_url: str) -> None:
    """Whichever is asked first: one takes connections and never says a word, one is not there at all."""
    (job,) = rig.paid()
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as gone:
        addresses = [f"amqp://127.0.0.1:{server.getsockname()[1]}/" for server in (silent, gone)]
        gone.close()
        with rig.running(TinyLane(), ",".join([*addresses, amqp_url])):
            with look(",".join([addresses[1], amqp_url])) as seen:
                assert IN in {depth.queue for depth in seen.depths()}
            rig.pay(job)
            until(lambda: rig.stage(job) is Stage.WATCH)
