"""`./enlarger bench clock`: the real clock over a million sleeping jobs, a hundred thousand of them due."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import psycopg
from uuid_utils import compat

from bench.rig import Place, Rig, rig
from bench.usage import cpu_s, rss_mb
from common import logs
from common.broker import Broker
from common.database import BY_KEY, Database
from common.settings import CommonSettings
from common.stages import plans
from local.processes import LocalError, await_condition
from local.servers import Say
from services.poller.clock import BATCH, CLAIM_DUE, Clock, Due

SIZES = (1_000, 10_000, 100_000, 1_000_000)
SAMPLE = 1_000  # wake-ups timed at each size: the smallest has no more
REPEATS = 5
STEADY_PER_S, STEADY_S = 500, 10
AHEAD_S = 3.0  # until the first of these, so that setting their instants makes none late
TOLERANCE_S = 1.0  # between our clock and the database's, when the order of batches is judged
CLAIM_S = 30.0


@dataclass(frozen=True, slots=True)
class Cost:
    """What one wake-up costs with this many jobs asleep, in microseconds: by the wall, of our CPU, of PostgreSQL's."""

    sleeping: int
    wall_us: float
    clock_us: float
    postgres_us: float


@dataclass(frozen=True, slots=True)
class ClockResult:
    """All that was measured: wake-ups a second with `due` of them at once, and by seconds of CPU spent; lateness (in
    seconds, 99th percentile) where 500 fall due a second; memory of the clock's process in MB; `growth`: a wake-up's
    CPU with the most jobs asleep over that with the fewest.
    """

    sleeping: int
    due: int
    per_s: float
    per_core_s: float
    steady_late_p99_s: float
    oldest_first: bool
    rss_before_mb: float
    rss_after_mb: float
    plan: str
    costs: Sequence[Cost]
    growth: float


class WatchedClock(Clock):
    """The clock, remembering of each batch how late (seconds) and since when (Unix seconds) its jobs were due."""

    def __init__(self, *known: object) -> None:
        super().__init__(*known)  # type: ignore[arg-type]
        self.late: list[float] = []
        self.due_since: list[tuple[float, float]] = []

    def _claim(self) -> Sequence[Due]:
        now, due = time.time(), super()._claim()
        if due:
            late = [d.late_s for d in due]
            self.late += late
            self.due_since.append((now - max(late), now - min(late)))
        return due

    def forget(self) -> None:
        self.late, self.due_since = [], []


def clock(sleeping: int, due: int, say: Say) -> tuple[ClockResult, dict[str, str]]:
    """Measure on private servers, from a thousand jobs asleep up to `sleeping`."""
    logs.configure("bench", "console", "warning")
    with rig(say) as running, running.place("bench-clock") as place:
        return _Measurement(running, place, say).run(sleeping, due), running.versions


class _Measurement:
    def __init__(self, servers: Rig, place: Place, say: Say) -> None:
        settings = CommonSettings(_env_file=None, database_url=place.database_url, amqp_url=place.amqp_url)
        self._servers = servers
        self._url = place.database_url
        self._say = say
        self._database = Database(place.database_url)
        self._broker = Broker(place.amqp_url, "bench-clock")
        self._clock = WatchedClock(self._database, self._broker, plans(settings), CLAIM_S)

    def run(self, sleeping: int, due: int) -> ClockResult:
        self._database.open()
        self._broker.start()
        try:
            await_condition(lambda: self._broker.ready, 20, "the broker's connection")
            costs = [self._cost_at(size) for size in SIZES if size <= sleeping]
            plan = self._plan()
            return self._all_at_once(due, sleeping, plan, costs)
        finally:
            self._broker.stop()
            self._database.close()

    def _cost_at(self, size: int) -> Cost:
        self._sleep_until(size)
        spent = [0.0, 0.0, 0.0]
        for number in range(1 + REPEATS):
            self._make_due(SAMPLE)
            timed = self._timed(SAMPLE)
            if number:  # the first warms up caches, plans and pages
                spent = [so_far + s for so_far, s in zip(spent, timed, strict=True)]
        cost = Cost(size, *(round(s / SAMPLE / REPEATS * 1e6, 1) for s in spent))
        ours, theirs = cost.clock_us, cost.postgres_us
        self._say(f"{size:>9,} asleep: a wake-up takes {ours:.0f} µs of our CPU and {theirs:.0f} µs of PostgreSQL's")
        return cost

    def _all_at_once(self, due: int, sleeping: int, plan: str, costs: Sequence[Cost]) -> ClockResult:
        self._make_due(due)
        self._woken(min(BATCH, due))
        self._clock.forget()
        before, left = rss_mb(os.getpid(), alone=True), due - min(BATCH, due)
        wall, own, theirs = self._timed(left)
        after = rss_mb(os.getpid(), alone=True)
        oldest_first = _oldest_first(self._clock.due_since)
        spent = [cost.clock_us + cost.postgres_us for cost in costs]
        return ClockResult(
            sleeping=sleeping,
            due=due,
            per_s=round(left / wall, 1),
            per_core_s=round(left / (own + theirs), 1),
            steady_late_p99_s=self._steady(),
            oldest_first=oldest_first,
            rss_before_mb=round(before, 1),
            rss_after_mb=round(after, 1),
            plan=plan,
            costs=costs,
            growth=round(spent[-1] / spent[0], 2),
        )

    def _steady(self) -> float:
        """Lateness (p99, seconds) when jobs fall due at a steady rate."""
        self._clock.forget()
        self._make_due(STEADY_PER_S * STEADY_S, over_s=STEADY_S, tidy=False)
        deadline = time.monotonic() + STEADY_S + AHEAD_S
        while time.monotonic() < deadline:
            if self._clock.tick() < BATCH:
                time.sleep(0.2)  # as the clock's own loop does
        return _p99(self._clock.late)

    def _timed(self, count: int) -> tuple[float, float, float]:
        """Wake `count`; wall seconds, and CPU-seconds of this process and of PostgreSQL."""
        postgres = self._servers.database.process
        pid = postgres.pid if postgres else None
        if pid is None:
            raise LocalError("the clock is measured on a private PostgreSQL")
        began, own, theirs = time.monotonic(), time.process_time(), cpu_s(pid)
        self._woken(count)
        return time.monotonic() - began, time.process_time() - own, cpu_s(pid) - theirs

    def _woken(self, count: int) -> None:
        done = 0
        while done < count:
            woken = self._clock.tick()
            if not woken:
                raise LocalError(f"the clock woke {done} of {count} jobs and found no more")
            done += woken

    def _sleep_until(self, size: int) -> None:
        """Fill up to `size` sleeping jobs, their instants spread over a month."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            row = connection.execute("SELECT count(*) FROM jobs").fetchone()
            _insert(connection, size - int(row[0] if row else 0))
            connection.execute("VACUUM ANALYZE jobs")
            connection.execute("CHECKPOINT")

    def _make_due(self, count: int, over_s: float = -3600.0, *, tidy: bool = True) -> None:
        """Let `count` sleeping jobs be due: over the last hour, or (positive) over the seconds that come."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(
                """UPDATE jobs j SET wake_at = now() + make_interval(secs => %(after)s + %(over)s * c.n / %(count)s)
                   FROM (SELECT job_id, row_number() OVER () AS n FROM
                         (SELECT job_id FROM jobs ORDER BY wake_at DESC LIMIT %(count)s) latest) c
                   WHERE j.job_id = c.job_id""",
                {"over": over_s, "count": count, "after": 0 if tidy else AHEAD_S},
            )
            if tidy:
                connection.execute("VACUUM ANALYZE jobs")
                connection.execute("CHECKPOINT")

    def _plan(self) -> str:
        """The claiming statement's plan, checked: the partial index in its order, nothing sorted, nothing else read."""
        with psycopg.connect(self._url, options=BY_KEY) as connection:
            rows = connection.execute(f"EXPLAIN {CLAIM_DUE}", {"batch": BATCH, "claim": CLAIM_S}).fetchall()
            connection.rollback()
        plan = "\n".join(row[0] for row in rows)
        if "jobs_due" not in plan or "Sort" in plan or "Seq Scan" in plan:
            raise LocalError(f"the clock's statement has a plan that will not last:\n{plan}")
        return plan


def _insert(connection: psycopg.Connection, count: int) -> None:
    columns = (
        "job_id, ticket, status, stage, wake_at, completed_at, source_kind, source_url, source_width, source_height, "
        "factor, amount_cents, currency, credits, cost_cents, markup_percent, charged_cents, payment_intent, email"
    )
    now = datetime.now(UTC)
    with connection.cursor().copy(f"COPY jobs ({columns}) FROM STDIN") as copy:
        for n in range(count):
            job_id = compat.uuid7()
            wake_at = now + timedelta(days=1, seconds=n * 2.5)
            copy.write_row((
                job_id, f"tk_{job_id.hex}", "completed", "remind", wake_at, now, "catalogue", "https://shop.example/p.jpg",
                690, 460, 4, 192, "usd", 16, 64, 200, 192, f"pi_{job_id.hex}", "customer@shop.example",
            ))  # fmt: skip


def _oldest_first(due_since: Sequence[tuple[float, float]]) -> bool:
    """Each batch was due before the next: nothing is passed over."""
    return all(last - TOLERANCE_S <= first for (_, last), (first, _) in pairwise(due_since))


def _p99(values: Sequence[float]) -> float:
    return round(sorted(values)[int(len(values) * 0.99)], 3)
