"""Refund rows: the intent with its own idempotency key, committed before Stripe is asked (promise 2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg.rows import class_row

from common.database import Transaction, unnest


@dataclass(frozen=True, slots=True)
class RefundRow:
    """One refund of a job. `at_work`: a worker may still be asking Stripe."""

    refund_id: UUID
    job_id: UUID
    number: int
    state: str
    amount_cents: int
    reason: str
    idempotency_key: str
    claim_no: int
    at_work: bool

    @property
    def open(self) -> bool:
        """Neither succeeded nor failed: this row is to be asked about, no new one is made."""
        return self.state in {"claimed", "pending", "requires_action"}


@dataclass(frozen=True, slots=True)
class RefundRecord:
    """Stripe's answer for a row; None keeps what the row has."""

    refund_id: UUID
    state: str
    stripe_refund: str | None
    error: str | None


def last_of_jobs(tx: Transaction, job_ids: Sequence[UUID]) -> dict[UUID, RefundRow]:
    """The newest refund row of each of these (locked) jobs."""
    rows = tx.cursor(row_factory=class_row(RefundRow)).execute(
        """SELECT DISTINCT ON (job_id) refund_id, job_id, number, state, amount_cents, reason, idempotency_key,
                  claim_no, answered_at IS NULL AND claimed_until > now() AS at_work
           FROM refunds WHERE job_id = ANY(%(ids)s) ORDER BY job_id, number DESC""",
        {"ids": list(job_ids)},
    )
    return {row.job_id: row for row in rows}


def claim(tx: Transaction, rows: Sequence[RefundRow], lease_s: float) -> None:
    """Commit the intents: new rows, or a new claim on open ones. Amount, reason and key of a row never change."""
    unnest(
        tx,
        """INSERT INTO refunds (refund_id, job_id, number, state, amount_cents, reason, idempotency_key,
                                claim_no, claimed_until)
           SELECT i.refund_id, i.job_id, i.number, 'claimed', i.amount_cents, i.reason, i.idempotency_key, i.claim_no,
                  now() + make_interval(secs => i.lease_s) FROM {rows}
           ON CONFLICT (refund_id) DO UPDATE SET claim_no = excluded.claim_no, claimed_until = excluded.claimed_until,
               answered_at = NULL""",
        {
            "refund_id": ("uuid", [r.refund_id for r in rows]),
            "job_id": ("uuid", [r.job_id for r in rows]),
            "number": ("int", [r.number for r in rows]),
            "amount_cents": ("int", [r.amount_cents for r in rows]),
            "reason": ("text", [r.reason for r in rows]),
            "idempotency_key": ("text", [r.idempotency_key for r in rows]),
            "claim_no": ("int", [r.claim_no for r in rows]),
            "lease_s": ("float8", [lease_s] * len(rows)),
        },
    )


def record(tx: Transaction, records: Sequence[RefundRecord]) -> None:
    """Write Stripe's answers on their rows, whatever has happened to the jobs meanwhile."""
    unnest(
        tx,
        """UPDATE refunds r SET state = i.state, answered_at = now(), error = i.error,
               stripe_refund = COALESCE(i.stripe_refund, r.stripe_refund)
           FROM {rows} WHERE r.refund_id = i.refund_id AND r.state NOT IN ('succeeded')""",
        {
            "refund_id": ("uuid", [r.refund_id for r in records]),
            "state": ("text", [r.state for r in records]),
            "stripe_refund": ("text", [r.stripe_refund for r in records]),
            "error": ("text", [r.error for r in records]),
        },
    )


def refunded_cents(tx: Transaction, job_ids: Sequence[UUID]) -> dict[UUID, int]:
    """What has been refunded of each job by our own rows, in cents."""
    rows = tx.execute(
        """SELECT job_id, sum(amount_cents) FROM refunds
           WHERE state = 'succeeded' AND job_id = ANY(%(ids)s) GROUP BY job_id""",
        {"ids": list(job_ids)},
    )
    return {job_id: int(cents) for job_id, cents in rows}
