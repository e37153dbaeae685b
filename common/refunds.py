"""What Stripe says of refunds, written on rows and booked: for the webhook, and for the lane that asks.

A refund is ours when its metadata names our row, else it was made elsewhere (the dashboard) and gets a row of its own.
States only move forward, so in whatever order they are told, the rows and the books end the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from common import ledger, notices
from common.database import Transaction, keys, unnest
from common.events import JobRefunded, UpscaleFailed
from common.jobs import Job
from common.outcomes import Move
from common.stages import HOUR_S, Stage, Status

RETRY_REJECTED_S = 24 * HOUR_S
UNDONE = "refund_failed"  # the reason on the attention list
IN_PART = "refunded_in_part"

_STATES = {
    "pending": "pending",
    "requires_action": "requires_action",
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "failed",
}


@dataclass(frozen=True, slots=True)
class StripeRefund:
    """One refund as Stripe tells it. `ours`: our row, by its metadata. `moved`: money has left the balance for it,
    even if it came back.
    """

    stripe_refund: str
    payment_intent: str | None
    amount_cents: int
    state: str
    moved: bool
    ours: UUID | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What speaks for and against a refund of a job: cents given back by refunds that succeeded; cents that a lost
    dispute took; whether a dispute is open (an inquiry is none: it has taken nothing).
    """

    refunded_cents: int = 0
    lost_cents: int = 0
    disputed: bool = False


def seen_of(body: Mapping[str, Any]) -> StripeRefund:
    """Read a refund's JSON (https://docs.stripe.com/api/refunds/object)."""
    intent = body.get("payment_intent")
    state = _STATES.get(body.get("status") or "succeeded", "pending")
    return StripeRefund(
        stripe_refund=str(body["id"]),
        payment_intent=intent.get("id") if isinstance(intent, Mapping) else intent,
        amount_cents=int(body["amount"]),
        state=state,
        moved=state == "succeeded" or bool(body.get("failure_balance_transaction")),
        ours=_uuid((body.get("metadata") or {}).get("refund_id")),
        failure=body.get("failure_reason"),
    )


def learn(tx: Transaction, job_id: UUID, seen: Sequence[StripeRefund]) -> None:
    """Write what Stripe says on the rows of this (locked) job, and book it."""
    if not seen:
        return
    rows = tx.execute("SELECT refund_id, stripe_refund FROM refunds WHERE job_id = %s", [job_id]).fetchall()
    named, known = {row[1]: row[0] for row in rows}, {row[0] for row in rows}
    # Told once without its metadata, it has a row made elsewhere, and keeps that.
    ours = [refund for refund in seen if named.get(refund.stripe_refund, refund.ours) == refund.ours in known]
    _write(tx, _OURS, job_id, ours)
    for refund in seen:  # one by one: each new row takes the next number
        if refund not in ours:
            _write(tx, _ELSEWHERE, job_id, [refund])
    ledger.book_refunds(tx, [job_id])


def standings(tx: Transaction, job_ids: Sequence[UUID], payment_intent: str | None = None) -> dict[UUID, Standing]:
    """How these jobs stand, by the rows. What belongs to a further payment of the same order does not count.

    `payment_intent`: of a payment that is only now being written on its job.
    """
    rows = tx.execute(
        """SELECT j.job_id,
               (SELECT COALESCE(sum(amount_cents), 0) FROM refunds r
                WHERE r.job_id = j.job_id AND r.state = 'succeeded'
                  AND COALESCE(r.payment_intent, p.intent) IS NOT DISTINCT FROM p.intent),
               (SELECT COALESCE(sum(amount_cents), 0) FROM disputes d
                WHERE d.job_id = j.job_id AND d.state = 'lost' AND d.payment_intent IS NOT DISTINCT FROM p.intent),
               EXISTS (SELECT 1 FROM disputes d
                WHERE d.job_id = j.job_id AND d.closed_at IS NULL AND d.state NOT LIKE 'warning%%')
           FROM jobs j CROSS JOIN LATERAL (SELECT COALESCE(%(intent)s, j.payment_intent) AS intent) p
           WHERE j.job_id = ANY(%(ids)s::uuid[])""",
        {"ids": keys(set(job_ids)), "intent": payment_intent},
    )
    return {job_id: Standing(int(refunded), int(lost), disputed) for job_id, refunded, lost, disputed in rows}


def after(job: Job, refunded_cents: int) -> Move | None:
    """Where a job goes whose refunds now come to this many cents; None when that is nothing new.

    In full: it is refunded, and its customer told. In part: it goes on as before, its link stays, and its customer is
    told by `tell_in_part`. Less than before (a refund failed after it had succeeded): what is owed is owed again.
    """
    told = {"cents": refunded_cents, "before": job.refunded_cents}
    full = 0 < job.charged_cents <= refunded_cents
    if refunded_cents == job.refunded_cents and not (full and job.stage is Stage.REFUND):
        return None
    if refunded_cents < job.refunded_cents:
        return _undone(job, refunded_cents)
    if full and job.status is not Status.REFUNDED:
        event = JobRefunded(job_id=job.job_id, traceparent=job.traceparent)
        hold = "" if job.held else None  # there is nothing left to hold
        return Move(
            Stage.ANNOUNCE, "refunded", told, (event,), Status.REFUNDED, refunded_cents=refunded_cents, hold=hold
        )
    goes_on = (UpscaleFailed(job_id=job.job_id, traceparent=job.traceparent),) if job.stage is Stage.REFUND else ()
    return Move(job.stage, IN_PART, told, goes_on, wake_s=0, refunded_cents=refunded_cents)


def tell_in_part(tx: Transaction, job: Job, refunded_cents: int) -> None:
    """Have the customer of this (locked) job told that a part was given back: one mail for each sum that it came to.

    Who gets all of it back is told that alone: a job that has failed is on its way there.
    """
    if not job.refunded_cents < refunded_cents < job.charged_cents or job.status is Status.FAILED:
        return
    detail = {"cents": refunded_cents - job.refunded_cents, "refunded_cents": refunded_cents,
              "charged_cents": job.charged_cents, "currency": job.currency}  # fmt: skip
    notices.tell_customer(tx, IN_PART, f"{job.job_id}:{refunded_cents}", job.job_id, detail)


def close_claims(tx: Transaction, job_ids: Sequence[UUID]) -> None:
    """Nothing of these (locked) jobs is owed any more: what Stripe has not answered is given up. If it makes such a
    refund after all, that counts.
    """
    tx.execute(
        """UPDATE refunds SET state = 'failed', answered_at = COALESCE(answered_at, now()), error = 'refunded elsewhere'
           WHERE job_id = ANY(%(ids)s::uuid[]) AND origin = 'ours' AND state = 'claimed' AND stripe_refund IS NULL""",
        {"ids": keys(job_ids)},
    )


def revoke_links(tx: Transaction, job_ids: Sequence[UUID]) -> None:
    """The download links of these jobs end now."""
    tx.execute(
        "UPDATE links SET revoked_at = now() WHERE job_id = ANY(%(ids)s::uuid[]) AND revoked_at IS NULL",
        {"ids": keys(job_ids)},
    )


def _undone(job: Job, refunded_cents: int) -> Move:
    """A picture that was delivered stays sold; for an order that was not, the lane tries again when told, or later."""
    told = {"cents": refunded_cents, "before": job.refunded_cents}
    if job.status is not Status.REFUNDED:
        return Move(job.stage, UNDONE, told, wake_s=0, refunded_cents=refunded_cents)
    if job.delivered:
        return Move(Stage.KEEP, UNDONE, told, status=Status.COMPLETED, refunded_cents=refunded_cents)
    return Move(
        Stage.REFUND, UNDONE, told, status=Status.FAILED, wake_s=RETRY_REJECTED_S, refunded_cents=refunded_cents
    )


def _write(tx: Transaction, statement: str, job_id: UUID, seen: Sequence[StripeRefund]) -> None:
    unnest(
        tx,
        statement,
        {
            "stripe_refund": ("text", [s.stripe_refund for s in seen]),
            "refund_id": ("uuid", [s.ours for s in seen]),
            "job_id": ("uuid", [job_id] * len(seen)),
            "payment_intent": ("text", [s.payment_intent for s in seen]),
            "amount_cents": ("int", [s.amount_cents for s in seen]),
            "state": ("text", [s.state for s in seen]),
            "moved": ("bool", [s.moved for s in seen]),
            "failure": ("text", [s.failure for s in seen]),
        },
    )


def _uuid(text: object) -> UUID | None:
    try:
        return UUID(str(text))
    except ValueError:
        return None


# How far a refund has come. A verdict of our own (`failed` without Stripe's id) gives way to a success at Stripe, and
# until Stripe has said how it ended, it stays without that id.
_FORWARD = """
        state = CASE WHEN r.state = 'failed' AND r.stripe_refund IS NULL
                     THEN CASE WHEN {told}.state = 'succeeded' THEN 'succeeded' ELSE 'failed' END
                     WHEN array_position(ARRAY['claimed', 'requires_action', 'pending', 'succeeded', 'failed'], r.state)
                        < array_position(ARRAY['claimed', 'requires_action', 'pending', 'succeeded', 'failed'],
                                         {told}.state)
                     THEN {told}.state ELSE r.state END,
        moved = r.moved OR {told}.moved,
        answered_at = COALESCE(r.answered_at, now()),
        error = COALESCE({told}.error, r.error)
"""
_OURS = (
    """UPDATE refunds r SET
        stripe_refund = CASE WHEN r.state <> 'failed' OR i.state IN ('succeeded', 'failed')
                             THEN COALESCE(r.stripe_refund, i.stripe_refund) ELSE r.stripe_refund END,
        payment_intent = COALESCE(r.payment_intent, i.payment_intent),"""
    + _FORWARD.replace("{told}.error", "i.failure").replace("{told}", "i")
    + "FROM {rows} WHERE r.refund_id = i.refund_id AND r.job_id = i.job_id"
)
_ELSEWHERE = (
    """INSERT INTO refunds AS r (refund_id, job_id, number, state, amount_cents, reason, idempotency_key, claimed_until,
                                answered_at, stripe_refund, error, origin, payment_intent, moved)
       SELECT gen_random_uuid(), i.job_id,
              1 + (SELECT COALESCE(max(number), 0) FROM refunds o WHERE o.job_id = i.job_id), i.state, i.amount_cents,
              'elsewhere', 'stripe:' || i.stripe_refund, now(), now(), i.stripe_refund, i.failure, 'elsewhere',
              i.payment_intent, i.moved
       FROM {rows}
       ON CONFLICT (stripe_refund) DO UPDATE SET"""
    + _FORWARD.replace("{told}", "excluded")
    + "WHERE r.job_id = excluded.job_id"
)
