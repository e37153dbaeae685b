"""Money that goes back: what an event about a refund or a dispute writes, and where its job goes then."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from common import refunds
from common.attention import raise_attention
from common.database import Transaction
from common.events import Event, JobAttention, UpscaleFailed
from common.jobs import Job
from common.outcomes import Move, Nothing, Wait
from common.refunds import StripeRefund
from common.stages import Stage, Status
from services.ingest.money import disputes

REFUNDS = {"refund.created", "refund.updated", "refund.failed", "charge.refund.updated"}
CHARGES = {"charge.refunded"}
DISPUTES = {
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """Whether a download link ends with a full refund, and rests during a dispute."""

    revoke_on_refund: bool
    revoke_on_dispute: bool


@dataclass(frozen=True, slots=True)
class Reversal:
    """The kind of an event and the object that it carries; `seen`: the payment's refunds, where Stripe was asked."""

    kind: str
    about: Mapping[str, Any]
    seen: tuple[StripeRefund, ...] = ()


def learn(tx: Transaction, job_id: UUID, told: Reversal, *, revoke: bool) -> str | None:
    """Write what it says of the (locked) job; returns a dispute's state that is new. `revoke`: as in Rules."""
    if told.kind in REFUNDS:
        refunds.learn(tx, job_id, [refunds.seen_of(told.about)])
    if told.kind in CHARGES:  # newer versions of Stripe's API leave the list out: then the refunds' own events tell
        listed = (told.about.get("refunds") or {}).get("data", ())
        refunds.learn(tx, job_id, [*map(refunds.seen_of, listed), *told.seen])
    if told.kind in DISPUTES:
        return disputes.learn(tx, job_id, disputes.dispute_of(told.about), revoke=revoke)
    return None


def decide(tx: Transaction, job: Job, told: Reversal, rules: Rules) -> Move | Wait | Nothing:
    """A refund or a dispute: its facts are written, then the job follows."""
    state = learn(tx, job.job_id, told, revoke=rules.revoke_on_dispute)
    if state:
        return _disputed(job, state)
    cents = refunds.standings(tx, [job.job_id])[job.job_id].refunded_cents
    refunds.tell_in_part(tx, job, cents)
    move = refunds.after(job, cents)
    if move is None:
        return _unless_failed(tx, job, told)
    if move.kind == refunds.UNDONE:
        raise_attention(tx, [(job.job_id, refunds.UNDONE, _why(told))])
        return move._replace(emit=(*move.emit, _attention(job, refunds.UNDONE)))
    if move.status is Status.REFUNDED:
        refunds.close_claims(tx, [job.job_id])
        if rules.revoke_on_refund:
            refunds.revoke_links(tx, [job.job_id])
    return move


def _unless_failed(tx: Transaction, job: Job, told: Reversal) -> Wait | Nothing:
    """A refund that failed before it succeeded changes no sum: but who waits for it must know."""
    awaited = job.stage is Stage.REFUND and told.kind in REFUNDS
    if not awaited or refunds.seen_of(told.about).state != "failed":
        return Nothing("nothing new")
    raise_attention(tx, [(job.job_id, refunds.UNDONE, _why(told))])
    emit = (_attention(job, refunds.UNDONE),)
    return Wait(refunds.RETRY_REJECTED_S, kind="refund_rejected", detail={"why": _why(told)}, emit=emit)


def _why(told: Reversal) -> str:
    return f"the refund {told.about.get('id')} failed: {told.about.get('failure_reason') or 'no reason given'}"


def _disputed(job: Job, state: str) -> Wait:
    """It stands in the history; a refund that waited for the end of the dispute goes on."""
    emit: tuple[Event, ...] = (_attention(job, disputes.REASON),)
    if state in disputes.CLOSED:
        in_refund = job.stage is Stage.REFUND
        emit = (UpscaleFailed(job_id=job.job_id, traceparent=job.traceparent),) if in_refund else ()
    return Wait(0.0, kind="disputed", detail={"state": state}, emit=emit)


def _attention(job: Job, reason: str) -> JobAttention:
    return JobAttention(job_id=job.job_id, reason=reason, traceparent=job.traceparent)
