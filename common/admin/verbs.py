"""The verbs. Each is a frozen value that decides about a locked job: what changes, or why its state forbids it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Self
from uuid import uuid4

from common import links
from common.admin import facts
from common.admin.audit import Decision
from common.admin.desk import Desk, No, Tools, Yes
from common.database import Transaction
from common.events import Event, PaymentCompleted
from common.failures import failed
from common.jobs import Job
from common.outcomes import Move, Reopen, Wait
from common.refund_orders import REASON, RefundRefused, RefundWish, decide_refund
from common.refunds import UNDONE
from common.signing import hash_token
from common.stages import HOUR_S, Stage, Status

REVIEW_S = 24 * HOUR_S
LONGEST_HOLD_S = 90 * 24 * HOUR_S
ON_ITS_WAY_S = 60.0
AFTER_DELIVERY = {Stage.ANNOUNCE, Stage.REMIND, Stage.KEEP}
UNDELIVERED = {Stage.SUBMIT, Stage.WATCH, Stage.FETCH}
MAILS = ("mail_rejected", "mail_stuck", "no_address")
SETTLED = "The order is settled: nothing moves it any more."


@dataclass(frozen=True, slots=True)
class _Plain:
    """A verb that only needs the rows."""

    def prepare(self, desk: Desk, key: str) -> Self:
        del desk, key
        return self

    def repeat(self, job: Job, decision: Decision) -> Event | None:
        del job, decision
        return None


@dataclass(frozen=True, slots=True)
class Retry(_Plain):
    """A paid job is done again. `force`: although an attempt is under way, which then costs twice."""

    force: bool = False
    name = "retry"

    def decide(self, tx: Transaction, job: Job, decision: Decision, tools: Tools) -> Yes | No:
        del tools
        if not job.charged_cents:
            return No("The order was never paid: there is nothing to do again.")
        if facts.refund_is_open(tx, job.job_id):
            return No("Its refund is under way: wait until Stripe has answered.")
        attempt = facts.open_attempt(tx, job.job_id)
        if attempt and not self.force:
            return No(f"Attempt {attempt} is under way. Another one beside it costs again: force it if you mean it.")
        since_s = facts.seconds_since(tx, job.job_id, self.name)
        if since_s is not None and since_s < ON_ITS_WAY_S and not self.force:
            return No(f"A retry was asked for {since_s:.0f} seconds ago and is on its way.")
        wish = self.repeat(job, decision)
        return Yes("It is done again, as a new attempt.", detail={"override": wish.request_id}, settles=None, say=wish)

    def repeat(self, job: Job, decision: Decision) -> PaymentCompleted:
        """The very message that an operator may publish by hand (docs/retry.md)."""
        request_id = decision.request_id or str(uuid4())
        return PaymentCompleted(
            job_id=job.job_id, admin_override=True, request_id=request_id, traceparent=job.traceparent
        )


@dataclass(frozen=True, slots=True)
class Extend(_Plain):
    """The customer gets a new link by mail; the older ones end. The file is kept at least as long."""

    name = "extend"

    def decide(self, tx: Transaction, job: Job, decision: Decision, tools: Tools) -> Yes | No:
        del decision
        refusal = _no_link(tx, job) or _no_address(job)
        if refusal:
            return refusal
        if tools.signer is None:
            return No("SECRET_KEY is needed to make a link.")
        generation = links.next_generations(tx, [job.job_id])[job.job_id]
        token_hash = hash_token(tools.signer.download_token(job.job_id, generation))
        links.issue_links(tx, [(job.job_id, generation, token_hash)], tools.link_s)
        told = f"A new link, good for {tools.link_s / HOUR_S:g} hours, goes to {masked(job.email)}; older ones end."
        return Yes(told, _announce("link_renewed", {"generation": generation}), {"generation": generation}, MAILS)


@dataclass(frozen=True, slots=True)
class Resend(_Plain):
    """The last mail about the order once more: its link, or its refund."""

    name = "resend"

    def decide(self, tx: Transaction, job: Job, decision: Decision, tools: Tools) -> Yes | No:
        del decision, tools
        refusal = _nothing_to_send(tx, job) or _no_address(job)
        if refusal:
            return refusal
        kept = facts.delivered(tx, job.job_id)
        kind = "refunded" if job.status is Status.REFUNDED else "ready"
        facts.mail_again(tx, job.job_id, kind, f"{job.job_id}:{kept.generation}" if kept and kind == "ready" else None)
        told = f"The mail ({kind}) goes to {masked(job.email)} again."
        return Yes(told, _announce("mail_again", {"mail": kind}), {"mail": kind}, MAILS)


@dataclass(frozen=True, slots=True)
class Email(_Plain):
    """The address is corrected, and what was mailed to the old one goes to the new one."""

    address: str
    name = "email"

    def decide(self, tx: Transaction, job: Job, decision: Decision, tools: Tools) -> Yes | No:
        corrected = Move(job.stage, "address_corrected", _shown(self.address), email=self.address)
        now = corrected._replace(wake_s=None if job.stage is Stage.SETTLED else 0)
        hers = job._replace(email=self.address)
        again = Resend().decide(tx, hers, decision, tools)
        if isinstance(again, No):
            return Yes(f"Mails go to {masked(self.address)} from now on.", now, _shown(self.address), MAILS)
        return Yes(again.told, now._replace(to=Stage.ANNOUNCE, wake_s=0), _shown(self.address), MAILS)


@dataclass(frozen=True, slots=True)
class Fail(_Plain):
    """The order is given up, and its charge is refunded."""

    name = "fail"

    def decide(self, tx: Transaction, job: Job, decision: Decision, tools: Tools) -> Yes | No:
        del tx, tools
        if job.stage is Stage.CHECKOUT or not job.charged_cents:
            return No("The order is not paid: there is nothing to give back, and it ends by itself.")
        if job.stage is Stage.REFUND:
            return No("It has failed already: its refund is on its way.")
        if job.stage not in UNDELIVERED:
            return No(_over(job))
        move = failed(job, "operator", decision.why)
        told = "It has failed, and its refund begins." if move.to is Stage.REFUND else "It keeps the picture it had."
        return Yes(told, move._replace(emit=(), wake_s=0, hold=""), settles=None)


@dataclass(frozen=True, slots=True)
class Refund(_Plain):
    """The charge is given back: `cents` of it, or all that is left. Twenty wishes at once are one refund."""

    cents: int | None = None
    name = "refund"

    def decide(self, tx: Transaction, job: Job, decision: Decision, tools: Tools) -> Yes | No:
        del tools
        wish = RefundWish(job.job_id, self.cents, decision.why or REASON, decision.request_id)
        ordered = decide_refund(tx, job, decision.author, wish)
        if isinstance(ordered, RefundRefused):
            return No(f"{ordered.why[0].upper()}{ordered.why[1:]}.")
        amount = f"{Decimal(ordered.amount_cents) / 100:.2f} {job.currency.upper()}"
        told = f"{amount} go back to the customer." if ordered.new else f"A refund of {amount} is under way already."
        return Yes(told, ordered.change, {"cents": ordered.amount_cents, "new": ordered.new}, (UNDONE,))


@dataclass(frozen=True, slots=True)
class Hold(_Plain):
    """No lane acts on the order until it is released. `review_at`: when a person is asked again; a day by default."""

    review_at: datetime | None = None
    name = "hold"

    def decide(self, tx: Transaction, job: Job, decision: Decision, tools: Tools) -> Yes | No:
        del tools
        if job.stage is Stage.SETTLED:
            return No(SETTLED)
        if not decision.why:
            return No("A hold needs its reason: whoever finds it later must understand it.")
        review_s = facts.seconds_until(tx, self.review_at) if self.review_at else REVIEW_S
        if not 0 < review_s <= LONGEST_HOLD_S:
            return No("The review date must lie in the future, and at most 90 days away.")
        move = Move(job.stage, "held", {"why": decision.why}, wake_s=review_s, hold=decision.why)
        told = "It is held."
        if job.stage in UNDELIVERED and not job.delivered:
            told += " Its promise still runs: once that is past, it is refunded all the same."
        return Yes(told, move, {"review_s": round(review_s)})


@dataclass(frozen=True, slots=True)
class Release(_Plain):
    """The order goes on, with a new date for its promise (`promise_hours` from now; the usual time by default)."""

    promise_hours: float | None = None
    name = "release"

    def decide(self, tx: Transaction, job: Job, decision: Decision, tools: Tools) -> Yes | No:
        del decision
        if not job.held:
            return No("The order is not held.")
        reason = facts.hold_reason(tx, job.job_id) or ""
        move = Move(job.stage, "released", {"held_for": reason}, wake_s=0, hold="")
        told = "It goes on."
        if job.stage in UNDELIVERED:
            promise_s = tools.promise_s if self.promise_hours is None else self.promise_hours * HOUR_S
            move = move._replace(reopen=Reopen(job.attempts_base, promise_s))
            told = f"It goes on, and is promised within {promise_s / HOUR_S:g} hours from now."
        return Yes(told, move, {"held_for": reason}, settles=("held", reason))


@dataclass(frozen=True, slots=True)
class Wake(_Plain):
    """Whatever the order waits for is looked at now."""

    name = "wake"

    def decide(self, tx: Transaction, job: Job, decision: Decision, tools: Tools) -> Yes | No:
        del tx, decision, tools
        if job.stage is Stage.SETTLED:
            return No(SETTLED)
        if job.held:
            return No("The order is held: release it.")
        return Yes(f"The clock wakes it now, in stage {job.stage}.", Wait(0, kind="woken"), settles=("no_progress",))


def masked(address: str | None) -> str:
    """An address that tells whose it is only to those who know: `a…@example.org`."""
    name, at, domain = (address or "").rpartition("@")
    return f"{name[:1]}…{at}{domain}" if at else "nobody"


def _shown(address: str) -> dict[str, str]:
    return {"to": masked(address)}


def _announce(kind: str, detail: dict[str, object]) -> Move:
    return Move(Stage.ANNOUNCE, kind, detail, wake_s=0)


def _no_address(job: Job) -> No | None:
    return None if job.email else No("The order has no e-mail address: set it first.")


def _no_link(tx: Transaction, job: Job) -> No | None:
    """Why there is no file whose link could be sent."""
    if job.status is Status.REFUNDED:
        return No("The order was refunded: it has no link any more.")
    if job.status is not Status.COMPLETED:
        return No(f"The order is not delivered: it is in stage {job.stage}.")
    if job.stage is Stage.REFUND:
        return No("Its refund is under way: wait until Stripe has answered.")
    kept = facts.delivered(tx, job.job_id) if job.stage in AFTER_DELIVERY else None
    if kept is None:
        return No("Its picture was removed when its time was over: have it done again with retry.")
    if kept.disputed:
        return No("Its payment is disputed: its link rests, and works again once the dispute is won.")
    return No("Its link was revoked.") if kept.revoked else None


def _nothing_to_send(tx: Transaction, job: Job) -> No | None:
    return None if job.status is Status.REFUNDED else _no_link(tx, job)


def _over(job: Job) -> str:
    match job.status:
        case Status.COMPLETED:
            return "It was delivered: refund it instead."
        case Status.REFUNDED:
            return "It was refunded already."
    return SETTLED
