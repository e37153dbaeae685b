"""What is measured: everything at once, of one contestant, and a steady trickle, of several that take turns."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg

from bench import orders
from bench.contestant import Contestant
from bench.rig import Place, Rig
from bench.usage import Meter
from local.layout import ROOT
from local.processes import LocalError, Process

WARM_UP = 300
TRICKLE_PER_S = 20.0
TRICKLE = 1000  # the slowest hundredth of fewer is one stall of a disk: 0.2 s hold up four orders
TURN = 50  # within a few seconds a machine is as fast for all of them
AGAIN = 10  # more of each turn are not counted: its processes have rested meanwhile
LOOK_EVERY_S = 0.25
SERVERS = ("PostgreSQL", "RabbitMQ")


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from the publish of an order to its mail's record, by percentile."""

    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Result:
    """What one round of one contestant gave. CPU in seconds per 1000 orders, memory in MB, by process."""

    name: str
    orders: int
    seconds: float
    per_s: float
    saturated: Latency
    cpu: Mapping[str, float]
    rss_mb: Mapping[str, float]
    trickle: Latency | None = None

    @property
    def python_cpu(self) -> float:
        """CPU-seconds per 1000 orders of all its own processes."""
        return sum(seconds for name, seconds in self.cpu.items() if name not in SERVERS)


def measure(rig: Rig, contestant: Contestant, count: int, *, round_no: int = 0) -> Result:
    """Run `count` orders at once, in a place of their own."""
    with _warm(rig, contestant, f"{round_no}") as (place, processes):
        meter = Meter({p.name: p.pid for p in (*processes, *_servers(rig)) if p.pid})
        spans = _pass(place, contestant, count, 0)
        cpu, rss = meter.cpu(), meter.rss()
        seconds = max(end for _, end in spans) - min(start for start, _ in spans)
        return Result(
            name=contestant.name,
            orders=count,
            seconds=round(seconds, 2),
            per_s=round(count / seconds, 1),
            saturated=latency(spans),
            cpu={_title(n): round(s / count * 1000, 3) for n, s in cpu.items()},
            rss_mb={n: mb for n, mb in rss.items() if n in {p.name for p in processes}},
        )


def steady(rig: Rig, contestants: Sequence[Contestant], count: int) -> dict[str, Latency]:
    """Run `count` orders of each at 20 a second, by name.

    All are there and take turns, a few seconds each: the machine's better and worse moments are everybody's.
    """
    spans: dict[str, list[tuple[float, float]]] = {one.name: [] for one in contestants}
    with ExitStack() as ending:
        there = [(one, ending.enter_context(_warm(rig, one, "steady"))[0]) for one in contestants]
        for turn in range(0, count, TURN):
            first = turn // TURN % len(there)
            for one, place in there[first:] + there[:first]:
                taken = _pass(place, one, AGAIN + min(TURN, count - turn), TRICKLE_PER_S)
                spans[one.name] += taken[AGAIN:]
    return {name: latency(found) for name, found in spans.items()}


def latency(spans: Sequence[tuple[float, float]]) -> Latency:
    took = sorted((end - start) * 1000 for start, end in spans)
    return Latency(round(took[len(took) // 2], 2), round(took[min(int(len(took) * 0.99), len(took) - 1)], 2))


def _servers(rig: Rig) -> list[Process]:
    return [process for process in (rig.database.process, rig.broker.process) if process]


def _title(name: str) -> str:
    return {"postgres": "PostgreSQL", "rabbitmq": "RabbitMQ"}.get(name, name)


@contextmanager
def _warm(rig: Rig, contestant: Contestant, what: str) -> Iterator[tuple[Place, Sequence[Process]]]:
    """Its processes in a place of their own, after their first orders."""
    name = f"bench-{what}-{''.join(c for c in contestant.name.lower() if c.isalnum())}"
    with rig.place(name) as place, _running(contestant, place) as processes:
        _pass(place, contestant, WARM_UP, 0)
        yield place, processes


@contextmanager
def _running(contestant: Contestant, place: Place) -> Iterator[Sequence[Process]]:
    processes = contestant.processes(place)
    try:
        for process in processes:
            process.start()
        contestant.wait_ready(place)
        yield processes
    finally:
        with ThreadPoolExecutor(max(len(processes), 1)) as pool:
            list(pool.map(lambda process: process.terminate(), processes))


def _pass(place: Place, contestant: Contestant, count: int, rate: float) -> list[tuple[float, float]]:
    """Make, publish and await orders; (published, ended) of each, in Unix seconds."""
    ids = orders.make(place.database_url, count)
    sent = _publish(place, contestant, ids, rate)
    with psycopg.connect(place.database_url, autocommit=True) as connection:
        _await_all(connection, count)
        ended = orders.ended_at(connection, ids)
    if len(ended) != count:
        raise LocalError(f"{contestant.name} ended {len(ended)} of {count} orders")
    return [(start, ended[job_id]) for start, job_id in zip(sent, ids, strict=True)]


def _publish(place: Place, contestant: Contestant, ids: Sequence[UUID], rate: float) -> list[float]:
    starts = [contestant.start_of(job_id) for job_id in ids]
    messages = [
        {"exchange": s.exchange, "key": s.key, "body": s.body, "properties": dict(s.properties)} for s in starts
    ]
    file = place.folder / "feed.json"
    file.write_text(json.dumps({"amqp_url": place.amqp_url, "rate": rate, "messages": messages}))
    return run_feeder(file)


def run_feeder(file: Path) -> list[float]:
    """Publish what the file says, in a process of its own; the instant of each publish."""
    command = [sys.executable, "-P", "-m", "bench.feeder", str(file)]
    done = subprocess.run(command, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LocalError(f"the feeder failed: {done.stderr.strip()[-500:]}")
    sent: list[float] = json.loads(done.stdout)
    return sent


def _await_all(connection: psycopg.Connection, count: int) -> None:
    deadline = time.monotonic() + 60 + count / 20
    while not orders.all_ended(connection):
        if time.monotonic() > deadline:
            raise LocalError("the orders did not all end in time")
        time.sleep(LOOK_EVERY_S)
