"""A refund that a person orders, in full or in part: its intent is committed here, the refund lane acts on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID, uuid4

from common import jobs, refunds
from common.database import Transaction
from common.events import Event, UpscaleFailed
from common.jobs import Job
from common.outcomes import Move, Wait
from common.stages import Plan, Stage, Status

REASON = "refunded_by_shop"


@dataclass(frozen=True, slots=True)
class RefundWish:
    """`amount_cents` None: all that is left. `reason` is for the books and the history. The same `request_id` again
    is the same refund, however often it comes.
    """

    job_id: UUID
    amount_cents: int | None = None
    reason: str = REASON
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class RefundOrdered:
    """The intent stands; `change` is to be applied to the job in the same transaction, and `events` are published
    after the commit (the clock does, if nobody does). `new`: False when this refund was ordered before and is only
    tried again.
    """

    refund_id: UUID
    amount_cents: int
    new: bool
    change: Move | Wait | None
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class RefundRefused:
    """Nothing was ordered. `why` is read by people."""

    why: str


def order_refund(
    tx: Transaction, plans: Mapping[Stage, Plan], actor: str, wish: RefundWish
) -> RefundOrdered | RefundRefused:
    """Order a refund of this job: `order_refund(tx, plans, actor, RefundWish(job_id, amount_cents, reason))`.

    Locks the job and applies the change. See `decide_refund`.
    """
    job = jobs.lock(tx, [wish.job_id]).get(wish.job_id)
    if job is None:
        return RefundRefused(f"no order has the id {wish.job_id}")
    decided = decide_refund(tx, job, actor, wish)
    if isinstance(decided, RefundOrdered) and decided.change:
        jobs.apply(tx, plans, actor, [(job, decided.change)])
    return decided


def decide_refund(tx: Transaction, job: Job, actor: str, wish: RefundWish) -> RefundOrdered | RefundRefused:
    """Write the intent of a refund of this (locked) job; the caller applies the change that it answers.

    An order still being made fails with a full refund, and goes on after a partial one. A refund that is open is asked
    about again, and none is ordered beside it; one that Stripe rejected is tried anew.
    """
    before = _ordered_before(tx, job.job_id, wish.request_id)
    if before:
        again = Wait(0.0) if job.stage is Stage.REFUND else None
        return RefundOrdered(*before, new=False, change=again, events=(_event(job),))
    standing = refunds.standings(tx, [job.job_id])[job.job_id]
    left = job.charged_cents - max(standing.refunded_cents, job.refunded_cents) - standing.lost_cents
    amount = left if wish.amount_cents is None else wish.amount_cents
    if refusal := _refusal(job, standing, amount, left):
        return RefundRefused(refusal)
    refund_id = _intend(tx, job, wish, actor, amount)
    move = _move(job, wish, amount, full=amount == left)
    return RefundOrdered(refund_id, amount, new=True, change=move, events=(_event(job),))


def _refusal(job: Job, standing: refunds.Standing, amount: int, left: int) -> str | None:
    if not job.charged_cents:
        return "the order was never paid: there is nothing to refund"
    if standing.disputed:
        return "the payment is disputed: Stripe refunds nothing while a dispute is open"
    if left <= 0:
        return "all of it was given back before"
    if not 0 < amount <= left:
        return f"{amount} cents cannot be refunded: {left} of {job.charged_cents} cents are left"
    return None


def _ordered_before(tx: Transaction, job_id: UUID, request_id: str | None) -> tuple[UUID, int] | None:
    """The refund of that request, else the one that is open."""
    row = tx.execute(
        """SELECT refund_id, amount_cents FROM refunds
           WHERE job_id = %(job)s AND origin = 'ours'
             AND (idempotency_key = %(key)s OR state IN ('claimed', 'pending', 'requires_action'))
           ORDER BY idempotency_key = %(key)s DESC NULLS LAST LIMIT 1""",
        {"job": job_id, "key": request_id and _key(job_id, request_id)},
    ).fetchone()
    return (row[0], row[1]) if row else None


def _intend(tx: Transaction, job: Job, wish: RefundWish, actor: str, amount_cents: int) -> UUID:
    refund_id = uuid4()
    tx.execute(
        """INSERT INTO refunds (refund_id, job_id, number, state, amount_cents, reason, idempotency_key, claim_no,
                                claimed_until, payment_intent, ordered_by, returns_to)
           SELECT %(refund)s, %(job)s, 1 + COALESCE(max(number), 0), 'claimed', %(cents)s, %(reason)s, %(key)s, 0,
                  now(), %(intent)s, %(actor)s, %(stage)s
           FROM refunds WHERE job_id = %(job)s""",
        {
            "refund": refund_id,
            "job": job.job_id,
            "cents": amount_cents,
            "reason": wish.reason,
            "key": _key(job.job_id, wish.request_id or str(refund_id)),
            "intent": job.payment_intent,
            "actor": actor,
            "stage": _stage_after(job).value,
        },
    )
    return refund_id


def _move(job: Job, wish: RefundWish, amount_cents: int, *, full: bool) -> Move:
    """To the stage that the refund lane acts in."""
    told = {"cents": amount_cents, "reason": wish.reason}
    if full and not job.delivered and job.status is not Status.REFUNDED:
        hold = "" if job.held else None
        return Move(
            Stage.REFUND, "refund_ordered", told, status=Status.FAILED, failure_reason=job.failure_reason or REASON,
            hold=hold, wake_s=0,
        )  # fmt: skip
    return Move(Stage.REFUND, "refund_ordered", told, wake_s=0)


def _stage_after(job: Job) -> Stage:
    """Where the job goes on after a partial refund: where it stood, or, made and still in refund, where it ends."""
    made = job.status in {Status.COMPLETED, Status.REFUNDED}
    return Stage.KEEP if made and job.stage is Stage.REFUND else job.stage


def _key(job_id: UUID, request_id: str) -> str:
    return f"refund:{job_id}:{request_id}"


def _event(job: Job) -> UpscaleFailed:
    return UpscaleFailed(job_id=job.job_id, attempt=job.attempt, traceparent=job.traceparent)
