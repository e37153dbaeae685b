"""The clock: wakes jobs whose `wake_at` has passed by emitting their stage's one event again (promise 4).

Consumes: due rows of `jobs`, oldest first, any number of replicas (SKIP LOCKED); none while it is paused. Before each
look it wakes those who wait for the provider and whose turn it is (places.py).
Publishes: the event of each job's stage; job.attention for a held job at its review.
Replays: `wake_at` is first committed to `claim_s` from now, so a clock that dies after this wakes the job again then;
after the confirms it is set to the stage's next instant, where nothing else moved the job; where one did not come, to
`AGAIN_S` from now, and that wake-up does not count. No row stays locked while the broker is asked.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from uuid import UUID

import structlog
from psycopg.rows import class_row

from common import crash, jobs
from common.attention import raise_attention
from common.broker import Broker
from common.confirms import Message
from common.database import PASSING, Database, DatabaseAwayError, unnest
from common.events import Event, JobAttention, UpscaleCheck, encode
from common.stages import Plan, Stage, Status
from common.switches import CLOCK_RUNS
from services.poller.metrics import WAKE_LATENESS, WAKES
from services.poller.places import Places

BATCH = 500
HELD, STUCK = "held", "no_progress"
STUCK_WAKES = 11
REVIEW_S = 24 * 3600.0
IDLE_S = 0.2
AWAY_S = 1.0
AGAIN_S = 5.0  # the broker is asked to take the same messages no more often than this

CLAIM_DUE = f"""
WITH due AS (
    SELECT job_id, wake_at FROM jobs WHERE settled_at IS NULL AND wake_at <= now() AND {CLOCK_RUNS}
    ORDER BY wake_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED)
UPDATE jobs j SET wake_at = now() + make_interval(secs => %(claim)s), wakes = j.wakes + 1
FROM due WHERE j.job_id = due.job_id
RETURNING j.job_id, j.stage, j.status, j.version, j.wakes, j.attempt, j.traceparent,
    j.hold_reason IS NOT NULL AND NOT (COALESCE(j.promise_at <= now(), false)
        AND j.completed_at IS NULL AND j.failed_at IS NULL) AS review,
    extract(epoch FROM now() - due.wake_at)::float8 AS late_s
"""

_woken, _late = cache(WAKES.labels), cache(WAKE_LATENESS.labels)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Due:
    """A job that was due, as the claiming statement left it."""

    job_id: UUID
    stage: Stage
    status: Status
    version: int
    wakes: int
    attempt: int
    review: bool
    late_s: float
    traceparent: str | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "stage", Stage(self.stage))
        object.__setattr__(self, "status", Status(self.status))


class Clock:
    """Runs until stopped; every tick takes at most `BATCH` due jobs and goes on at once while there are more."""

    name = "clock"

    def __init__(
        self,
        database: Database,
        broker: Broker,
        plans: Mapping[Stage, Plan],
        claim_s: float,
        places: Places | None = None,
    ) -> None:
        self._places = places
        self._claim_s = claim_s
        self._database = database
        self._broker = broker
        self._plans = plans

    def run(self, stop: threading.Event) -> None:
        away = False
        while not stop.is_set():
            try:
                if self._places:
                    self._ask(self._places.look())
                woken = self.tick() if self._broker.ready else 0
            except DatabaseAwayError as error:
                if not away:
                    log.warning("database.away", error=str(error))
                away = True
                stop.wait(AWAY_S)
                continue
            except PASSING:
                log.warning("clock.stumbled", exc_info=True)
                stop.wait(AWAY_S)
                continue
            away = False
            if woken < BATCH:
                stop.wait(IDLE_S)

    def _ask(self, checks: Sequence[UpscaleCheck]) -> None:
        """Hints: one that is lost comes again."""
        if checks and self._broker.ready:
            self._broker.publish_and_wait([Message(check.name, encode(check, self.name)) for check in checks])

    def tick(self) -> int:
        """Wake what is due; returns how many jobs that were."""
        if crash.broken("no_wakeup"):
            return 0
        due = self._claim()
        crash.point("clock_after_commit")
        if due:
            now = time.time()
            events = [*map(self._event, due), *(_attention(d, STUCK) for d in due if self._stuck(d))]
            messages = [Message(event.name, encode(event, self.name)) for event in events]
            confirmed = self._broker.publish_and_wait(messages)
            crash.point("clock_after_publish")
            self._settle(due, confirmed=confirmed)
            crash.point("clock_after_settle")
            log.debug("clock.woke", jobs=len(due), seconds=round(time.time() - now, 3))
        for job in due:
            _woken(job.stage.value).inc()
            _late(job.stage.value).observe(max(job.late_s, 0))
        return len(due)

    def _claim(self) -> Sequence[Due]:
        with self._database.transaction() as tx:
            cursor = tx.cursor(row_factory=class_row(Due))
            cursor.execute(CLAIM_DUE, {"batch": BATCH, "claim": self._claim_s})
            due = cursor.fetchall()
            held = [(d.job_id, HELD, "its review is due") for d in due if d.review]
            stuck = [(d.job_id, STUCK, f"{d.wakes} wake-ups in stage {d.stage}") for d in due if self._stuck(d)]
            raise_attention(tx, held + stuck)
            crash.point("clock_before_commit")
            return due

    def _event(self, due: Due) -> Event:
        if due.review:
            return _attention(due, HELD)
        return jobs.stage_event(self._plans[due.stage], due.status, due.job_id, due.attempt, due.traceparent)

    def _stuck(self, due: Due) -> bool:
        """Woken this often without progress, which in the stages whose waits grow takes about a day."""
        return due.wakes == STUCK_WAKES and self._plans[due.stage].grows

    def _settle(self, due: Sequence[Due], *, confirmed: bool) -> None:
        """Set the real next instant where the job still stands as it was woken, the promise never passed over."""
        uncounted = 0 if confirmed else 1
        with self._database.transaction() as tx:
            # who holds a row is moving that job, and sets its wake_at: the clock waits for nobody's lock
            free = {
                row[0]
                for row in tx.execute(
                    "SELECT job_id FROM jobs WHERE job_id = ANY(%(ids)s) ORDER BY job_id FOR UPDATE SKIP LOCKED",
                    {"ids": [d.job_id for d in due]},
                )
            }
            due = [d for d in due if d.job_id in free]
            unnest(
                tx,
                """UPDATE jobs j SET wakes = j.wakes - i.uncounted,
                       wake_at = LEAST(now() + make_interval(secs => i.wait_s),
                       CASE WHEN j.completed_at IS NULL AND j.failed_at IS NULL AND j.promise_at > now()
                            THEN j.promise_at END)
                   FROM {rows} WHERE j.job_id = i.job_id AND j.version = i.version AND j.wakes = i.wakes
                       AND j.settled_at IS NULL""",
                {
                    "job_id": ("uuid", [d.job_id for d in due]),
                    "version": ("int", [d.version for d in due]),
                    "wakes": ("int", [d.wakes for d in due]),
                    "uncounted": ("int", [uncounted] * len(due)),
                    "wait_s": ("float8", [self._next_s(d) if confirmed else AGAIN_S for d in due]),
                },
            )

    def _next_s(self, due: Due) -> float:
        return REVIEW_S if due.review else self._plans[due.stage].wait_s(due.wakes)


def _attention(due: Due, reason: str) -> JobAttention:
    return JobAttention(job_id=due.job_id, reason=reason, traceparent=due.traceparent)
