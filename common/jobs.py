"""The job's life: the one module that changes a job, and writes its history in the same transaction (design section 4).

Every change names the stage and version it was decided from; a row that moved meanwhile is left alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import to_json

from common import crash
from common.database import Row, Transaction, ahead, keys, unnest
from common.events import Event
from common.outcomes import Move, Wait
from common.stages import Plan, Stage, Status, event_of


class Job(NamedTuple):
    """A job's row as lanes decide from it. `overdue`: the promise's date is past and nothing was delivered."""

    job_id: UUID
    status: Status
    stage: Stage
    version: int
    tries: int
    wakes: int
    attempt: int
    attempts_base: int
    held: bool
    overdue: bool
    charged_cents: int
    refunded_cents: int
    payment_intent: str | None
    currency: str
    failure_reason: str | None
    source_kind: str
    source_url: str
    source_width: int
    source_height: int
    factor: int
    credits: int
    email: str | None
    ticket: str
    traceparent: str | None
    delivered: bool = False
    locale: str = "en"
    stage_s: float = 0.0  # seconds, for the metrics: in this stage, since the payment, until the promise's date
    paid_s: float | None = None
    promise_left_s: float | None = None
    canary: bool = False  # our own, to see that all runs: free, and in no count

    @property
    def result_size(self) -> tuple[int, int]:
        """Width and height, in pixels, of what was sold."""
        return self.source_width * self.factor, self.source_height * self.factor

    def as_it_was(self, before: "Job") -> bool:
        """It has not moved since. A standby that took over may give the number of a lost version to another stage."""
        return self.version == before.version and self.stage is before.stage

    def after(self, seconds: float) -> "Job":
        """The same row, read so much later."""
        left_s = None if self.promise_left_s is None else self.promise_left_s - seconds
        paid_s = None if self.paid_s is None else self.paid_s + seconds
        return self._replace(stage_s=self.stage_s + seconds, paid_s=paid_s, promise_left_s=left_s)


_STATUSES, _STAGES = {status.value: status for status in Status}, {stage.value: stage for stage in Stage}
COLUMNS = """
    job_id, status, stage, version, tries, wakes, attempt, attempts_base, hold_reason IS NOT NULL AS held,
    COALESCE(promise_at <= now(), false) AND completed_at IS NULL AND failed_at IS NULL AS overdue,
    charged_cents, refunded_cents, payment_intent, currency, failure_reason, source_kind, source_url, source_width,
    source_height, factor, credits, email, ticket, traceparent, completed_at IS NOT NULL AS delivered, locale,
    date_part('epoch', now() - stage_since), date_part('epoch', now() - paid_at),
    date_part('epoch', promise_at - now()), canary
"""  # date_part gives a float8 at once; extract counts in decimals first, at the price of a whole index entry


_LOCK = f"SELECT {COLUMNS} FROM jobs WHERE job_id = ANY(%(ids)s::uuid[]) ORDER BY job_id FOR UPDATE"


def lock(tx: Transaction, job_ids: Sequence[UUID], reads: Sequence[str] = ()) -> dict[UUID, Job]:
    """Load the jobs and lock their rows, in the order of their ids: two batches cannot deadlock.

    `reads`: what is asked of these `ids` next.
    """
    values = {"ids": keys(job_ids)}
    rows = tx.execute(_LOCK, values)
    for statement in reads:
        ahead(tx, statement, values)
    return {row[0]: Job(row[0], _STATUSES[row[1]], _STAGES[row[2]], *row[3:]) for row in rows.fetchall()}


_HOLD = """SELECT CASE WHEN version <> %(version)s OR stage <> %(stage)s THEN moved_meanwhile() END
    FROM (SELECT version, stage FROM jobs WHERE job_id = %(job)s FOR UPDATE) AS held"""


def hold(tx: Transaction, job: Job) -> None:
    """Lock the row of a job that was read before, without waiting for the answer: if it has moved since, the server
    ends the transaction (SerializationFailure).
    """
    if not crash.broken("no_stage_condition"):
        tx.execute(_HOLD, {"job": job.job_id, "version": job.version, "stage": job.stage.value})


def apply(
    tx: Transaction, plans: Mapping[Stage, Plan], actor: str, changes: Sequence[tuple[Job, Move | Wait]]
) -> set[UUID]:
    """Apply at most one change per job in one statement, with its history; returns the jobs that were as expected."""
    return {row[0] for row in change(tx, plans, actor, changes)}


def change(
    tx: Transaction, plans: Mapping[Stage, Plan], actor: str, changes: Sequence[tuple[Job, Move | Wait]]
) -> Iterable[Row]:
    """As `apply`; the ids that it returns may be looked at when the transaction is over.

    `wake_at` is the earliest of the next step and, for what was never delivered nor failed, the promise.
    """
    if not changes:
        return ()
    by_column = zip(*(_input_row(job, change, plans) for job, change in changes), strict=True)
    columns = {name: (_INPUT[name], list(values)) for name, values in zip(_Input._fields, by_column, strict=True)}
    columns["actor"] = ("text", [actor] * len(changes))
    statement = _APPLY
    if all(columns[name][1].count(None) == len(changes) for name in _FOUND_BY):
        statement, columns = _AS_FOUND, {name: column for name, column in columns.items() if name not in _FOUND_BY}
    if crash.broken("no_stage_condition"):
        statement = statement.replace(_AS_EXPECTED, "")
    return unnest(tx, statement, columns)


def wake(tx: Transaction, at: Mapping[UUID, datetime]) -> None:
    """Wake these (locked) jobs at these instants at the latest. As the clock's own, it is no change of the version."""
    unnest(
        tx,
        "UPDATE jobs j SET wake_at = LEAST(j.wake_at, i.at) FROM {rows} WHERE j.job_id = i.job_id",
        {"job_id": ("uuid", list(at)), "at": ("timestamptz", list(at.values()))},
    )


def event_for(job: Job, plans: Mapping[Stage, Plan]) -> Event | None:
    """The event that moves the job on from where it stands; None when it is settled."""
    plan = plans.get(job.stage)
    return stage_event(plan, job.status, job.job_id, job.attempt, job.traceparent) if plan else None


def stage_event(plan: Plan, status: Status, job_id: UUID, attempt: int, traceparent: str | None) -> Event:
    """Build a stage's event from a row's columns."""
    cls = event_of(plan, status)
    more = {"attempt": attempt or None} if "attempt" in cls.model_fields else {}
    return cls(job_id=job_id, traceparent=traceparent, **more)


def times(tx: Transaction, job_ids: Sequence[UUID], kind: str) -> dict[UUID, int]:
    """How often this kind of fact stands in the history of each job since it came to its stage; 0 is left out."""
    rows = tx.execute(
        """SELECT e.job_id, count(*) FROM job_events e JOIN jobs j USING (job_id)
           WHERE e.job_id = ANY(%(ids)s::uuid[]) AND e.kind = %(kind)s AND e.at >= j.stage_since GROUP BY 1""",
        {"ids": keys(job_ids), "kind": kind},
    )
    return dict(rows.fetchall())


_INPUT = {
    "job_id": "uuid",
    "stage": "text",
    "version": "int",
    "to_stage": "text",
    "status": "text",
    "wake_s": "float8",
    "tries": "int",
    "keep_wakes": "bool",
    "attempt": "int",
    "failure_reason": "text",
    "failure_detail": "text",
    "charged_cents": "int",
    "payment_intent": "text",
    "email": "text",
    "promise_s": "float8",
    "refunded_cents": "int",
    "hold": "text",
    "attempts_base": "int",
    "kind": "text",
    "detail": "jsonb",
}

# Who names these in an UPDATE has the trigger of `order_keys` look at each row: only who changes one of them does.
_FOUND_BY = ("payment_intent", "email")
_FOUND_BY_NEW = """payment_intent = COALESCE(i.payment_intent, j.payment_intent),
        email = CASE WHEN i.charged_cents IS NULL THEN COALESCE(i.email, j.email) ELSE COALESCE(j.email, i.email) END,
        """
_AS_EXPECTED = "AND j.stage = i.stage AND j.version = i.version"
_APPLY = f"""
WITH moved AS (
    UPDATE jobs j SET
        stage = i.to_stage,
        stage_since = CASE WHEN i.to_stage = j.stage THEN j.stage_since ELSE now() END,
        version = j.version + 1,
        status = COALESCE(i.status, j.status),
        settled_at = CASE WHEN i.to_stage = 'settled' THEN COALESCE(j.settled_at, now()) END,
        wake_at = LEAST(
            now() + make_interval(secs => i.wake_s),
            CASE WHEN j.completed_at IS NULL AND (j.failed_at IS NULL OR i.attempts_base IS NOT NULL)
                      AND COALESCE(i.status, '') NOT IN ('completed', 'failed', 'refunded', 'abandoned')
                 THEN COALESCE(now() + make_interval(secs => i.promise_s), j.promise_at) END),
        wakes = CASE WHEN i.keep_wakes THEN j.wakes ELSE 0 END,
        tries = i.tries,
        attempt = COALESCE(i.attempt, j.attempt),
        attempts_base = COALESCE(i.attempts_base, j.attempts_base),
        failure_reason = CASE WHEN i.attempts_base IS NULL THEN COALESCE(i.failure_reason, j.failure_reason) END,
        failure_detail = CASE WHEN i.attempts_base IS NULL THEN COALESCE(i.failure_detail, j.failure_detail) END,
        completed_at = CASE WHEN i.status = 'completed' THEN COALESCE(j.completed_at, now()) ELSE j.completed_at END,
        failed_at = CASE WHEN i.status = 'failed' THEN COALESCE(j.failed_at, now())
                         WHEN i.attempts_base IS NULL THEN j.failed_at END,
        paid_at = CASE WHEN i.charged_cents IS NOT NULL THEN COALESCE(j.paid_at, now()) ELSE j.paid_at END,
        charged_cents = COALESCE(i.charged_cents, j.charged_cents),
        {_FOUND_BY_NEW}promise_at = COALESCE(now() + make_interval(secs => i.promise_s), j.promise_at),
        refunded_cents = COALESCE(i.refunded_cents, j.refunded_cents),
        hold_reason = CASE WHEN i.hold IS NULL THEN j.hold_reason ELSE NULLIF(i.hold, '') END,
        review_at = CASE WHEN i.hold IS NULL THEN j.review_at
                         WHEN i.hold <> '' THEN now() + make_interval(secs => i.wake_s) END
    FROM {{rows}}
    WHERE j.job_id = i.job_id {_AS_EXPECTED}
    RETURNING j.job_id, i.stage, i.to_stage, i.kind, i.detail, i.actor
), history AS (
    INSERT INTO job_events (job_id, actor, kind, from_stage, to_stage, detail)
    SELECT job_id, actor, kind, stage, to_stage, detail FROM moved WHERE kind IS NOT NULL
)
SELECT job_id FROM moved
"""
_AS_FOUND = _APPLY.replace(_FOUND_BY_NEW, "")


class _Input(NamedTuple):
    """One row of the statement's input; None keeps what the job has."""

    job_id: UUID
    stage: str
    version: int
    to_stage: str
    wake_s: float | None
    tries: int
    keep_wakes: bool
    kind: str | None
    detail: str
    status: str | None = None
    attempt: int | None = None
    failure_reason: str | None = None
    failure_detail: str | None = None
    refunded_cents: int | None = None
    hold: str | None = None
    attempts_base: int | None = None
    charged_cents: int | None = None
    payment_intent: str | None = None
    email: str | None = None
    promise_s: float | None = None


def _json(detail: Mapping[str, Any]) -> str:
    return to_json(detail).decode() if detail else "{}"


def _input_row(job: Job, change: Move | Wait, plans: Mapping[Stage, Plan]) -> _Input:
    stage, detail = job.stage.value, _json(change.detail)
    if isinstance(change, Wait):
        tries = job.tries + 1 if change.counted else job.tries
        return _Input(job.job_id, stage, job.version, stage, change.wake_s, tries, change.counted, change.kind, detail)
    plan = plans.get(change.to)
    row = _Input(
        job_id=job.job_id,
        stage=stage,
        version=job.version,
        to_stage=change.to.value,
        wake_s=None if plan is None else (plan.first_s if change.wake_s is None else change.wake_s),
        tries=0,
        keep_wakes=False,
        kind=change.kind,
        detail=detail,
        status=change.status and change.status.value,
        attempt=change.attempt,
        failure_reason=change.failure_reason,
        failure_detail=change.failure_detail,
        refunded_cents=change.refunded_cents,
        hold=change.hold,
        email=change.email,
    )
    for part in (change.payment, change.reopen):
        row = row._replace(**asdict(part)) if part else row
    return row
