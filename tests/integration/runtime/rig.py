"""A lane of the tests' own on the real runtime, and a cable between it and the broker that can be cut."""

import contextlib
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pika
import psycopg

from common import jobs, orders
from common.broker import Broker
from common.database import Database, Limits, Transaction
from common.events import Event, PaymentCompleted, UpscaleSubmitted
from common.jobs import Job
from common.lane import Answered, Lane, Question, Work
from common.metrics import Metrics
from common.orders import Order
from common.outcomes import Move, Nothing, Outcome, Payment
from common.publisher import Patience
from common.runtime import LaneRunner
from common.settings import CommonSettings
from common.stages import Plan, Stage, Status, plans
from tests.integration.sandbox.standin import until

Asked = Callable[[uuid.UUID], object]
PATIENCE = Patience(heartbeat_s=5, confirm_s=3)


class TinyLane:
    """submit -> watch with one question in between. `ask` is the test's; `judge` may raise for a job in `finish`."""

    name = "tiny"
    events: Sequence[type[Event]] = (PaymentCompleted,)
    acts_on_held = False
    reads: Sequence[str] = ()
    prefetch = 64
    threads = 4

    def __init__(self, ask: Asked = lambda _job_id: "fine", judge: Asked = lambda _job_id: None) -> None:
        self._ask = ask
        self._judge = judge
        self.asked: list[uuid.UUID] = []

    def begin(self, tx: Transaction, work: Sequence[Work]) -> Sequence[Question | Outcome]:
        del tx
        return [self._step(w.job) for w in work]

    def _step(self, job: Job) -> Question | Outcome:
        if job.stage is Stage.WATCH:
            return Nothing("moved already", (_submitted(job),))
        return Question(job.job_id) if job.stage is Stage.SUBMIT else Nothing(f"in stage {job.stage}")

    def ask(self, about: Any) -> Any:
        self.asked.append(about)
        return self._ask(about)

    def finish(self, tx: Transaction, answered: Sequence[Answered]) -> Sequence[Outcome]:
        del tx
        for a in answered:
            self._judge(a.work.job.job_id)
        return [_moved(a.work.job) for a in answered]


def _moved(job: Job) -> Outcome:
    if job.stage is not Stage.SUBMIT:
        return Nothing("moved meanwhile")
    return Move(Stage.WATCH, "submitted", {}, (_submitted(job),), Status.PROCESSING, attempt=1)


def _submitted(job: Job) -> UpscaleSubmitted:
    return UpscaleSubmitted(job_id=job.job_id, attempt=1)


@dataclass
class Rig:
    """What a test holds: the database, its own view of the broker, and the plans."""

    database_url: str
    amqp_url: str
    database: Database
    plans: dict[Stage, Plan] = field(default_factory=dict)

    def paid(self, count: int = 1, promise_s: float = 3600) -> list[uuid.UUID]:
        """New paid jobs in stage `submit`."""
        ids = [uuid.uuid4() for _ in range(count)]
        with self.database.transaction() as tx:
            for job_id in ids:
                orders.create(tx, self.plans, "tests", an_order(job_id))
            payment = Payment(192, None, "kim@example.com", promise_s)
            found = jobs.lock(tx, ids).values()
            moves = [(job, Move(Stage.SUBMIT, "paid", status=Status.PENDING, payment=payment)) for job in found]
            assert jobs.apply(tx, self.plans, "tests", moves) == set(ids)
        return ids

    def job(self, job_id: uuid.UUID) -> Job:
        with self.database.transaction() as tx:
            return jobs.lock(tx, [job_id])[job_id]

    def stage(self, job_id: uuid.UUID) -> Stage:
        with self.database.transaction() as tx:
            rows = tx.execute("SELECT stage FROM jobs WHERE job_id = %s", [job_id]).fetchall()
        return Stage(rows[0][0])

    def all_in(self, stage: Stage, ids: Sequence[uuid.UUID]) -> bool:
        with self.database.transaction() as tx:
            rows = tx.execute("SELECT DISTINCT stage FROM jobs WHERE job_id = ANY(%s)", [list(ids)]).fetchall()
        return rows == [(stage,)]

    def sql(self, statement: str, **values: Any) -> list[Any]:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    @contextlib.contextmanager
    def channel(self) -> Iterator[Any]:
        """A view of the broker that shares nothing with the code under test."""
        connection = pika.BlockingConnection(pika.URLParameters(self.amqp_url))
        try:
            yield connection.channel()
        finally:
            connection.close()

    def publish(self, *bodies: bytes, key: str = "payment.completed") -> None:
        with self.channel() as channel:
            channel.confirm_delivery()
            for body in bodies:
                channel.basic_publish("enlarger", key, body, mandatory=True)

    def pay(self, *ids: uuid.UUID) -> None:
        self.publish(*(f'{{"job_id": "{job_id}"}}'.encode() for job_id in ids))

    def depth(self, queue: str) -> int:
        with self.channel() as channel:
            return int(channel.queue_declare(queue, passive=True).method.message_count)

    def consumers(self, queue: str) -> int:
        """0 also for a queue that is not there."""
        with contextlib.suppress(pika.exceptions.ChannelClosedByBroker), self.channel() as channel:
            return int(channel.queue_declare(queue, passive=True).method.consumer_count)
        return 0

    def take(self, queue: str) -> list[tuple[bytes, Any]]:
        """Every message that is ready: (body, properties). They are gone afterwards."""
        with self.channel() as channel:
            taken = []
            while (got := channel.basic_get(queue, auto_ack=True))[0]:
                taken.append((got[2], got[1]))
            return taken

    @contextlib.contextmanager
    def running(self, lane: Lane, amqp_url: str | None = None) -> Iterator[LaneRunner]:
        """The lane with a broker connection of its own, drained at the end."""
        broker = Broker(amqp_url or self.amqp_url, "tests", patience=PATIENCE)
        runner = LaneRunner(lane, self.database, self.plans, Metrics())
        runner.attach(broker)
        broker.start()
        try:
            until(lambda: broker.ready)
            yield runner
            assert runner.alive
            assert broker.ready or amqp_url
        finally:
            runner.drain(5)
            broker.stop()


def an_order(job_id: uuid.UUID) -> Order:
    return Order(
        job_id, f"tk_{job_id.hex}", "url", "https://shop.example/fox.jpg", 400, 300, 4, 192, "usd", 16, 64,
        Decimal(200), "https://shop.example/", "kim@example.com",
    )  # fmt: skip


@contextlib.contextmanager
def rig(database_url: str, amqp_url: str, **settings: Any) -> Iterator[Rig]:
    given: dict[str, Any] = {"_env_file": None, "database_url": database_url, "amqp_url": amqp_url, **settings}
    database = Database(database_url, wait_s=1, limits=Limits(lock_s=1))
    database.open()
    try:
        yield Rig(database_url, amqp_url, database, dict(plans(CommonSettings(**given))))
    finally:
        database.close()


class Cable:
    """A TCP relay to the broker. `cut` ends its connections; `hold` lets nothing come back (a half-open link)."""

    def __init__(self, amqp_url: str) -> None:
        parts = urlsplit(amqp_url)
        self._target = (str(parts.hostname), int(parts.port or 5672))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._open = threading.Event()
        self._open.set()
        self.connections = 0
        port = self._listener.getsockname()[1]
        self.url = amqp_url.replace(f"{parts.hostname}:{parts.port}", f"127.0.0.1:{port}")
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
                self.connections += 1
                self._sockets += [near, far]
                threading.Thread(target=self._relay, args=[near, far, False], daemon=True).start()
                threading.Thread(target=self._relay, args=[far, near, True], daemon=True).start()

    def _relay(self, source: socket.socket, target: socket.socket, held: bool) -> None:  # noqa: FBT001
        with contextlib.suppress(OSError):  # cut
            while data := source.recv(65536):
                if held:
                    self._open.wait()
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):  # cut
                end.shutdown(socket.SHUT_RDWR)

    def hold(self) -> None:
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    def cut(self) -> None:
        for end in self._sockets:
            with contextlib.suppress(OSError):  # gone already
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._sockets.clear()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.release()
        self.cut()


@contextlib.contextmanager
def cable(amqp_url: str) -> Iterator[Cable]:
    relay = Cable(amqp_url)
    try:
        yield relay
    finally:
        relay.close()


def steadily(ask: Callable[[], bool], for_s: float) -> bool:
    """Whether it stays true for that long: what must *not* happen can only be watched."""
    deadline = time.monotonic() + for_s
    while time.monotonic() < deadline:
        if not ask():
            return False
        time.sleep(0.05)
    return True
