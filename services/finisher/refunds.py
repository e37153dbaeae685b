"""Refund rows: the intent with its own idempotency key, committed before Stripe is asked (promise 2).

What Stripe says of them is written by common.refunds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg.rows import class_row

from common.database import LEASE, Transaction, keys, unnest


@dataclass(frozen=True, slots=True)
class RefundRow:
    """One refund of a job. `at_work`: a worker may still be asking Stripe. `ordered_by`: the person who wanted it;
    `returns_to`: the stage that the job then goes back to. `key_number`: which of its keys is used, counted from 1;
    `key_spent`: Stripe keeps an error of its own under that one.
    """

    refund_id: UUID
    job_id: UUID
    number: int
    state: str
    amount_cents: int
    reason: str
    idempotency_key: str
    claim_no: int
    at_work: bool
    ordered_by: str | None = None
    returns_to: str | None = None
    origin: str = "ours"
    key_number: int = 1
    key_spent: bool = False

    @property
    def key(self) -> str:
        """The key that Stripe is asked under."""
        return self.idempotency_key if self.key_number == 1 else f"{self.idempotency_key}:key{self.key_number}"

    @property
    def open(self) -> bool:
        """Neither succeeded nor failed: this row is to be asked about, no new one is made."""
        return self.state in {"claimed", "pending", "requires_action"}


@dataclass(frozen=True, slots=True)
class RefundVerdict:
    """What came of a call that brought no refund of ours: the row is closed as failed, or stays claimed.

    `spent_key`: the number of the key under which Stripe keeps an error of its own.
    """

    refund_id: UUID
    state: str
    error: str
    spent_key: int | None = None


@dataclass(frozen=True, slots=True)
class RefundHistory:
    """The newest refund of our own, and the number of the next row: those made elsewhere are counted too."""

    last: RefundRow | None = None
    next_number: int = 1


def histories(tx: Transaction, job_ids: Sequence[UUID]) -> dict[UUID, RefundHistory]:
    """The refunds of these (locked) jobs; jobs without any are left out."""
    found: dict[UUID, RefundHistory] = {}
    last: dict[UUID, RefundRow] = {}
    for row in tx.cursor(row_factory=class_row(RefundRow)).execute(
        """SELECT refund_id, job_id, number, state, amount_cents, reason, idempotency_key, claim_no,
                  answered_at IS NULL AND claimed_until > now() AS at_work, ordered_by, returns_to,
                  origin, key_number, key_spent
           FROM refunds WHERE job_id = ANY(%(ids)s::uuid[]) ORDER BY job_id, number""",
        {"ids": keys(job_ids)},
    ):
        if row.origin == "ours":
            last[row.job_id] = row
        found[row.job_id] = RefundHistory(last.get(row.job_id), row.number + 1)
    return found


def claim(tx: Transaction, rows: Sequence[RefundRow], lease_s: float) -> None:
    """Commit the intents: new rows, or a new claim on open ones. Amount, reason and first key of a row never change."""
    unnest(
        tx,
        f"""INSERT INTO refunds (refund_id, job_id, number, state, amount_cents, reason, idempotency_key,
                                claim_no, claimed_until, payment_intent, key_number)
           SELECT i.refund_id, i.job_id, i.number, 'claimed', i.amount_cents, i.reason, i.idempotency_key, i.claim_no,
                  {LEASE}, j.payment_intent, i.key_number
           FROM {{rows}} JOIN jobs j USING (job_id)
           ON CONFLICT (refund_id) DO UPDATE SET claim_no = excluded.claim_no, claimed_until = excluded.claimed_until,
               answered_at = NULL, key_number = excluded.key_number,
               key_spent = refunds.key_spent AND refunds.key_number = excluded.key_number""",
        {
            "refund_id": ("uuid", [r.refund_id for r in rows]),
            "job_id": ("uuid", [r.job_id for r in rows]),
            "number": ("int", [r.number for r in rows]),
            "amount_cents": ("int", [r.amount_cents for r in rows]),
            "reason": ("text", [r.reason for r in rows]),
            "idempotency_key": ("text", [r.idempotency_key for r in rows]),
            "claim_no": ("int", [r.claim_no for r in rows]),
            "lease_s": ("float8", [lease_s] * len(rows)),
            "key_number": ("int", [r.key_number for r in rows]),
        },
    )


def conclude(tx: Transaction, verdicts: Sequence[RefundVerdict]) -> None:
    """Write verdicts on rows that no refund at Stripe stands behind; what Stripe has said of a row stays.

    A word of doubt that comes late, when the row is closed, has it asked about again: if the lane would still do so.
    """
    unnest(
        tx,
        """UPDATE refunds r SET answered_at = now(), error = i.error,
               key_spent = r.key_spent OR COALESCE(i.spent_key = r.key_number, false),
               state = CASE WHEN r.stripe_refund IS NULL
                                 AND (r.state <> 'failed' OR (j.stage = 'refund' AND NOT EXISTS (
                                     SELECT FROM refunds o
                                     WHERE o.job_id = r.job_id AND o.number > r.number AND o.origin = 'ours')))
                            THEN i.state ELSE r.state END
           FROM {rows}, jobs j WHERE r.refund_id = i.refund_id AND j.job_id = r.job_id AND r.state <> 'succeeded'""",
        {
            "refund_id": ("uuid", [v.refund_id for v in verdicts]),
            "state": ("text", [v.state for v in verdicts]),
            "error": ("text", [v.error for v in verdicts]),
            "spent_key": ("int", [v.spent_key for v in verdicts]),
        },
    )
