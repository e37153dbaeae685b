"""The other contestants, as processes: how each is started, tuned and given an order."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pika

from bench.contestant import Start
from bench.environment import PYTHON
from bench.rig import Place
from local.layout import ROOT
from local.processes import LocalError, Process, Program, child_environment

STAGES = ("submit", "watch", "fetch", "announce")
READY_S = 60.0
SWEEPS = ROOT / "bench" / "peers" / "sweeps.json"


@dataclass(frozen=True, slots=True)
class Tuning:
    """How many handlers a stage's process has, and how many messages it holds."""

    threads: int
    prefetch: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """`command` for a stage and a tuning; `start` for an order; `tunings` is what the sweep tries. One that does not
    `declares` its queues finds them there.
    """

    name: str
    command: Callable[[str, Tuning], Sequence[str]]
    start: Callable[[UUID], Start]
    tunings: Sequence[Tuning]
    declares: bool = True


class Rival:
    """One contestant with one tuning: a process per stage, each on its own queue."""

    def __init__(self, recipe: Recipe, tuning: Tuning) -> None:
        self.name = recipe.name
        self._recipe = recipe
        self._tuning = tuning
        self._processes: list[Process] = []

    def processes(self, place: Place) -> Sequence[Process]:
        if not self._recipe.declares:
            _declare(place.amqp_url)
        env = child_environment(
            {
                "PYTHONPATH": str(ROOT),
                "BENCH_AMQP_URL": place.amqp_url,
                "BENCH_DATABASE_URL": place.database_url,
                "BENCH_THREADS": str(self._tuning.threads),
                "BENCH_PREFETCH": str(self._tuning.prefetch),
                "dramatiq_queue_prefetch": str(self._tuning.prefetch),
            }
        )
        self._processes = [
            Process(
                Program(stage, [str(PYTHON), *self._recipe.command(stage, self._tuning)], env, cwd=place.folder),
                place.folder / f"{stage}.log",
            )
            for stage in STAGES
        ]
        return self._processes

    def wait_ready(self, place: Place) -> None:
        """Every stage's queue has a consumer."""
        deadline = time.monotonic() + READY_S
        while not all(_consumed(place.amqp_url, stage) for stage in STAGES):
            dead = next((process for process in self._processes if not process.alive), None)
            if dead or time.monotonic() > deadline:
                late = dead or self._processes[0]
                raise LocalError(f"{self.name}: {late.name} does not consume\n{late.last_lines()}")
            time.sleep(0.1)

    def start_of(self, job_id: UUID) -> Start:
        return self._recipe.start(job_id)


def chosen(recipe: Recipe, sweeps: Path = SWEEPS) -> Tuning:
    """The best tuning of the committed sweep."""
    rows = [row for row in json.loads(sweeps.read_text())["rows"] if row["name"] == recipe.name]
    best = max(rows, key=lambda row: row["per_s"])
    return Tuning(best["threads"], best["prefetch"])


def _declare(amqp_url: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
        channel = connection.channel()
        channel.exchange_declare("bench", "topic", durable=True)
        for stage in STAGES:
            channel.queue_declare(stage, durable=True, arguments={"x-queue-type": "quorum"})
            channel.queue_bind(stage, "bench", stage)


def _consumed(amqp_url: str, queue: str) -> bool:
    with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
        try:
            found = connection.channel().queue_declare(queue, passive=True)
        except pika.exceptions.ChannelClosedByBroker:
            return False
        return bool(found.method.consumer_count)


def _celery(pool: str) -> Callable[[str, Tuning], Sequence[str]]:
    def command(stage: str, tuning: Tuning) -> Sequence[str]:
        return (
            "-m", "celery", "-A", "bench.peers.celery_app", "worker", "-Q", stage, "-n", f"{stage}@localhost",
            "--pool", pool, "-c", str(tuning.threads), "--without-gossip", "--without-mingle", "-l", "WARNING",
        )  # fmt: skip

    return command


def _celery_start(job_id: UUID) -> Start:
    task = str(uuid4())
    headers: Mapping[str, Any] = {
        "lang": "py", "task": "bench.submit", "id": task, "root_id": task, "parent_id": None, "group": None,
        "retries": 0, "eta": None, "expires": None, "timelimit": [None, None], "ignore_result": True,
        "argsrepr": f"('{job_id}',)", "kwargsrepr": "{}", "origin": "bench",
    }  # fmt: skip
    body = json.dumps([[str(job_id)], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])
    properties = {"headers": headers, "correlation_id": task, "content_encoding": "utf-8"}
    return Start("bench", "submit", body, {**properties, "content_type": "application/json"})


def _dramatiq(stage: str, tuning: Tuning) -> Sequence[str]:
    workers = ("--processes", "1", "--threads", str(tuning.threads))
    return ("-m", "dramatiq", "bench.peers.dramatiq_app", *workers, "--queues", stage)


def _dramatiq_start(job_id: UUID) -> Start:
    message = {
        "queue_name": "submit", "actor_name": "submit", "args": [str(job_id)], "kwargs": {}, "options": {},
        "message_id": str(uuid4()), "message_timestamp": int(time.time() * 1000),
    }  # fmt: skip
    return Start("", "submit", json.dumps(message))


def _module(name: str) -> Callable[[str, Tuning], Sequence[str]]:
    return lambda stage, _tuning: ("-m", f"bench.peers.{name}", stage)


def _text(job_id: UUID) -> Start:
    return Start("bench", "submit", str(job_id), {"content_type": "text/plain"})


def _tunings(threads: Sequence[int], prefetch: Sequence[int]) -> Sequence[Tuning]:
    return [Tuning(t, p) for t in threads for p in prefetch if p >= t]


TUNED, BARE = "hand-tuned loop", "bare loop"
PEERS: Sequence[Recipe] = (
    Recipe("Celery, prefork", _celery("prefork"), _celery_start, _tunings((2, 4), (4, 16, 64))),
    Recipe("Celery, threads", _celery("threads"), _celery_start, _tunings((4, 8, 16), (16, 64))),
    Recipe("Dramatiq", _dramatiq, _dramatiq_start, _tunings((4, 8, 16), (16, 64, 256))),
    Recipe("FastStream", _module("faststream_app"), _text, _tunings((4, 8, 16), (16, 64, 256))),
)
REFERENCE = Recipe(TUNED, _module("tuned_loop"), _text, _tunings((8, 16, 32), (64, 256)), declares=False)
BARE_LOOP = Recipe(BARE, _module("bare_loop"), _text, [Tuning(1, 1)], declares=False)
