"""Attempts: one row is one submission to the provider, claimed before the call and answered after it (promise 2)."""

from collections import defaultdict
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from common import ledger
from common.database import LEASE, Transaction, keys, unnest


class AttemptState(StrEnum):
    """`waiting`: surely not accepted, to be claimed again. `unknown`: no answer, it may be running."""

    CLAIMED = "claimed"
    WAITING = "waiting"
    OPEN = "open"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Attempt(NamedTuple):
    """An attempt's row. `claim_over`: nobody may still be calling; `age_s`: seconds since it was (last) claimed,
    `ended_s` since it ended.
    """

    job_id: UUID
    attempt: int
    state: str
    claim_no: int
    claim_over: bool
    hinted: bool
    ended: bool
    age_s: float
    provider_id: str | None
    result_url: str | None
    result_dead: bool
    request_id: str | None = None
    ended_s: float | None = None

    @property
    def holds_place(self) -> bool:
        """It counts as in flight at the provider."""
        return not self.ended and self.state in {AttemptState.CLAIMED, AttemptState.OPEN, AttemptState.UNKNOWN}

    @property
    def promising(self) -> bool:
        """It is at the provider, or has a result whose link still lives."""
        return self.state == AttemptState.OPEN or (self.state == AttemptState.SUCCEEDED and not self.result_dead)


class Claim(NamedTuple):
    """What a claim allows: one call for this attempt, under this number. `again`: the attempt has its row."""

    job_id: UUID
    attempt: int
    claim_no: int
    again: bool = False


class Record(NamedTuple):
    """An answer for an attempt's row. None keeps what the row has; `ended` frees its slot at the provider.

    `claim_no`: it answers this claim; a row that was claimed anew or answered meanwhile stays as it is. Only what is
    `unknown` learns from an answer that names its id at the provider.
    """

    job_id: UUID
    attempt: int
    state: AttemptState
    ended: bool
    provider_id: str | None = None
    provider_status: str | None = None
    result_url: str | None = None
    credits: int | None = None
    error: str | None = None
    claim_no: int | None = None


OF_JOBS = """SELECT job_id, attempt, state, claim_no, claimed_until < now(), hinted_at IS NOT NULL,
    ended_at IS NOT NULL, date_part('epoch', now() - COALESCE(submitted_at, claimed_until)), provider_id,
    result_url, COALESCE(result_until < now(), false), request_id, date_part('epoch', now() - ended_at)
    FROM attempts WHERE job_id = ANY(%(ids)s::uuid[]) ORDER BY job_id, attempt"""


def of_jobs(tx: Transaction, job_ids: Sequence[UUID]) -> dict[UUID, list[Attempt]]:
    """All attempts of these (locked) jobs, in their order."""
    found: dict[UUID, list[Attempt]] = defaultdict(list)
    for row in tx.execute(OF_JOBS, {"ids": keys(job_ids)}).fetchall():
        found[row[0]].append(Attempt(*row))
    return found


def claim(tx: Transaction, claims: Sequence[Claim], lease_s: float) -> None:
    """Commit the intent of these calls: a new attempt, or a new claim on one that was surely not accepted."""
    _claim(tx, _CLAIM, [c for c in claims if not c.again], lease_s)
    _claim(tx, _CLAIM_AGAIN, [c for c in claims if c.again], lease_s)


def _claim(tx: Transaction, statement: str, claims: Sequence[Claim], lease_s: float) -> None:
    if claims:
        unnest(
            tx,
            statement,
            {
                "job_id": ("uuid", [c.job_id for c in claims]),
                "attempt": ("int", [c.attempt for c in claims]),
                "claim_no": ("int", [c.claim_no for c in claims]),
                "lease_s": ("float8", [lease_s] * len(claims)),
            },
        )


def reject(tx: Transaction, job_id: UUID, attempt: int, why: str) -> None:
    """The result of this attempt is no good (a failed check, a dead link): it does not count as a success."""
    tx.execute(
        """UPDATE attempts SET state = 'failed', error = %(why)s, ended_at = COALESCE(ended_at, now())
           WHERE job_id = %(job)s AND attempt = %(attempt)s""",
        {"job": job_id, "attempt": attempt, "why": why},
    )


def record(tx: Transaction, records: Sequence[Record], result_life_s: float) -> None:
    """Write answers on their rows, whatever has happened to the jobs meanwhile. What has ended stays ended.

    But for a success that nobody expected any more: it goes on the books, once. What an attempt cost is booked with
    its end, wasted or not.

    `result_life_s`: seconds that a result's link lives from now.
    """
    if not records:
        return
    unnest(
        tx,
        _RECORD,
        {
            "job_id": ("uuid", [r.job_id for r in records]),
            "attempt": ("int", [r.attempt for r in records]),
            "state": ("text", [r.state.value for r in records]),
            "ended": ("bool", [r.ended for r in records]),
            "provider_id": ("text", [r.provider_id for r in records]),
            "provider_status": ("text", [r.provider_status for r in records]),
            "result_url": ("text", [r.result_url for r in records]),
            "credits": ("int", [r.credits for r in records]),
            "error": ("text", [r.error for r in records]),
            "claim_no": ("int", [r.claim_no for r in records]),
            "life_s": ("float8", [result_life_s] * len(records)),
        },
    )


def forgotten(tx: Transaction, after_s: float) -> list[Attempt]:
    """Attempts that hold a place at the provider for over `after_s` seconds although their jobs have gone on without
    them: a promise that ended, a refund, a person's word. A few at a time; their jobs are locked.
    """
    rows = tx.execute(
        """SELECT a.job_id FROM attempts a JOIN jobs j USING (job_id)
           WHERE a.ended_at IS NULL AND a.state IN ('claimed', 'open', 'unknown') AND j.stage NOT IN ('submit', 'watch')
             AND COALESCE(a.submitted_at, a.claimed_until) < now() - make_interval(secs => %(after)s)
           LIMIT 100 FOR UPDATE OF j SKIP LOCKED""",
        {"after": after_s},
    ).fetchall()
    if not rows:
        return []
    found = of_jobs(tx, [row[0] for row in rows])
    return [a for tried in found.values() for a in tried if a.holds_place and a.age_s >= after_s]


_CLAIM = f"""INSERT INTO attempts (job_id, attempt, state, claim_no, claimed_until)
    SELECT i.job_id, i.attempt, 'claimed', i.claim_no, {LEASE} FROM {{rows}}"""
_CLAIM_AGAIN = f"""{_CLAIM}
    ON CONFLICT (job_id, attempt) DO UPDATE SET state = 'claimed', claim_no = excluded.claim_no,
        claimed_until = excluded.claimed_until, answered_at = NULL, error = NULL"""
_RECORD = (
    """WITH written AS (
    UPDATE attempts a SET
        state = i.state,
        answered_at = COALESCE(a.answered_at, now()),
        submitted_at = CASE WHEN i.state IN ('open', 'unknown', 'succeeded')
                            THEN COALESCE(a.submitted_at, now()) ELSE a.submitted_at END,
        ended_at = CASE WHEN i.ended THEN now() END,
        provider_id = COALESCE(a.provider_id, i.provider_id),
        provider_status = COALESCE(i.provider_status, a.provider_status),
        result_url = COALESCE(i.result_url, a.result_url),
        result_until = CASE WHEN i.result_url IS NOT NULL AND a.result_until IS NULL
                            THEN now() + make_interval(secs => i.life_s) ELSE a.result_until END,
        credits = COALESCE(i.credits, a.credits),
        error = COALESCE(i.error, a.error)
    FROM {rows}
    WHERE a.job_id = i.job_id AND a.attempt = i.attempt
      AND (a.ended_at IS NULL OR (i.state = 'succeeded' AND a.result_url IS NULL))
      AND (i.claim_no IS NULL OR (a.state = 'claimed' AND a.claim_no = i.claim_no)
           OR (a.state = 'unknown' AND i.provider_id IS NOT NULL))
    RETURNING a.job_id, a.attempt, a.state, a.credits, a.ended_at
    )"""
    + ledger.BOOK_ATTEMPTS
)
