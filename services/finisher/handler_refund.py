"""The stage `refund`: what is owed is given back, once.

Consumes: upscale.failed.
Publishes: job.refunded, when the refund has *succeeded*. After a partial one the job goes on where it stood.
Replays: acts only on jobs in stage `refund` (a committed failure, or a person's order) and on open refunds that a
person ordered, so a forged or repeated message does nothing else; a job in `announce` emits job.refunded again. A
repeat uses the same row: same amount, same idempotency key, and Stripe is asked first what it has already given back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import uuid4

from common import brake, crash
from common.attention import raise_attention
from common.batches import backoff_s
from common.database import Transaction
from common.events import Event, JobAttention, JobRefunded, UpscaleFailed
from common.jobs import Job
from common.lane import CALLS_HELD, Answered, Question, Work
from common.outcomes import Move, Nothing, Outcome, Wait
from common.refunds import (
    IN_PART,
    RETRY_REJECTED_S,
    UNDONE,
    Standing,
    after,
    close_claims,
    learn,
    revoke_links,
    standings,
    tell_in_part,
)
from common.stages import HOUR_S, Plan, Stage, Status
from services.finisher import refunds
from services.finisher.metrics import BRAKED, REFUNDS
from services.finisher.refunds import RefundHistory, RefundRow, RefundVerdict
from services.finisher.settings import RefundSettings
from services.finisher.stripe import (
    CALLS,
    RefundAnswer,
    RefundedElsewhere,
    RefundOrder,
    RefundRejected,
    Refunds,
    RefundState,
    RefundUnclear,
)

NEW = RefundHistory()
BY_PEOPLE = {"cancelled", "operator"}  # reasons for a failure that are a person's wish: the customer's, the shop's


class Refund:
    """The lane `refund`. See the module's contract."""

    name = "finisher.refund"
    events: Sequence[type[Event]] = (UpscaleFailed,)
    acts_on_held = True  # a person may give back a part of what is held; `_step` leaves the others alone
    reads: Sequence[str] = ()

    def __init__(self, settings: RefundSettings, plans: Mapping[Stage, Plan]) -> None:
        self.threads, self.prefetch = settings.threads, min(settings.prefetch, CALLS_HELD * settings.threads)
        self._plan = plans[Stage.REFUND]
        self._revoke = settings.revoke_on_refund
        self._per_hour = settings.refunds_per_hour
        self._stripe = Refunds(settings.stripe_api_key, settings.stripe_api_base, settings.stripe_timeout_s)
        self._lease_s = CALLS * settings.stripe_timeout_s + settings.claim_margin_s

    def begin(self, tx: Transaction, work: Sequence[Work]) -> Sequence[Question | Outcome]:
        ids = [w.job.job_id for w in work]
        rows, standing = refunds.histories(tx, ids), standings(tx, ids)
        found = [(w.job, self._step(w.job, rows.get(w.job.job_id, NEW), standing[w.job.job_id])) for w in work]
        steps = self._braked(tx, found)
        claims = [step for step in steps if isinstance(step, RefundRow)]
        if claims:
            refunds.claim(tx, claims, self._lease_s)
        return [_question(w.job, s) if isinstance(s, RefundRow) else s for w, s in zip(work, steps, strict=True)]

    def ask(self, about: RefundOrder) -> RefundAnswer:
        crash.point("before_refund")
        answer = self._stripe.refund(about)
        crash.point("after_refund")
        REFUNDS.labels(answer.refund.state if isinstance(answer, RefundState) else type(answer).__name__).inc()
        return answer

    def finish(self, tx: Transaction, answered: Sequence[Answered]) -> Sequence[Outcome]:
        for a in answered:
            ours = (a.answer.refund,) if isinstance(a.answer, RefundState) else ()
            learn(tx, a.work.job.job_id, (*a.answer.others, *ours))
        verdicts = [v for a in answered if (v := _verdict(a.about, a.answer))]
        refunds.conclude(tx, verdicts)
        raise_attention(tx, [(a.work.job.job_id, UNDONE, why) for a in answered if (why := _rejected(a.answer))])
        ids = [a.work.job.job_id for a in answered]
        rows, standing = refunds.histories(tx, ids), standings(tx, ids)
        for a in answered:
            tell_in_part(tx, a.work.job, standing[a.work.job.job_id].refunded_cents)
        outcomes = [
            self._decide(a.work.job, a.answer, rows[a.work.job.job_id], standing[a.work.job.job_id]) for a in answered
        ]
        moves = zip(ids, outcomes, strict=True)
        if over := [j for j, o in moves if isinstance(o, Move) and o.status is Status.REFUNDED]:
            close_claims(tx, over)
            if self._revoke:
                revoke_links(tx, over)
        return outcomes

    def _braked(
        self, tx: Transaction, steps: Sequence[tuple[Job, RefundRow | Outcome]]
    ) -> Sequence[RefundRow | Outcome]:
        """A refund that no person wants passes the brake, or holds until a person releases it."""
        new = {job.job_id for job, step in steps if isinstance(step, RefundRow) and _automatic(job, step)}
        if not new:
            return [step for _, step in steps]
        kept = new - brake.through(tx, list(new), self._per_hour)
        BRAKED.inc(len(kept))
        return [brake.held(self._per_hour) if job.job_id in kept else step for job, step in steps]

    def _step(self, job: Job, known: RefundHistory, standing: Standing) -> RefundRow | Outcome:
        """What the job is owed: a claim on an open or a new row, or an outcome at once."""
        last = known.last
        ordered = last if last and last.open and last.ordered_by else None
        if job.stage is Stage.ANNOUNCE and job.status is Status.REFUNDED:
            return Nothing("refunded already", (_refunded_event(job),))
        if job.stage is not Stage.REFUND and not ordered:
            return Nothing(f"in stage {job.stage}: only a committed failure is refunded")
        if job.held and not ordered:
            return Nothing("held")
        if last and last.at_work:
            return Nothing("Stripe is being asked")
        if standing.disputed:
            return Wait(RETRY_REJECTED_S, kind="refund_disputed") if job.stage is Stage.REFUND else Nothing("disputed")
        if last and last.open:
            return _again(job, last)
        if job.status is not Status.FAILED and last:
            return _back(job, last, standing.refunded_cents)
        return _new_row(job, known, standing)

    def _decide(self, job: Job, answer: RefundAnswer, known: RefundHistory, standing: Standing) -> Outcome:
        """The answer is on its row; where does it lead, if the job still waits for it?"""
        cents, last = standing.refunded_cents, known.last
        if job.stage is not Stage.REFUND:
            told = after(job, cents) if last and last.ordered_by else None
            return told or Nothing(f"answered in stage {job.stage}")
        if job.charged_cents <= cents + standing.lost_cents:
            return _refunded(job, min(cents, job.charged_cents))
        if last and job.status is not Status.FAILED and not _awaited(job, last, answer):
            return _back(job, last, cents, _look(job, _rejected(answer)))
        match answer:
            case RefundState(refund=refund) if refund.state in {"pending", "requires_action"}:
                return Wait(HOUR_S, kind="refund_waits", detail={"status": refund.state})
            case RefundedElsewhere(pending=True):
                return Wait(HOUR_S, kind="refund_waits", detail={"status": "refunded elsewhere"})
            case RefundUnclear(why=why):
                return Wait(backoff_s(self._plan, job.tries), counted=True, kind="refund_unclear", detail={"why": why})
            case RefundedElsewhere():  # its row is closed: the next one asks for what is left
                wait = Wait(backoff_s(self._plan, job.tries), counted=True, kind="refunded_elsewhere")
                return after(job, cents) or wait
        rejected = _rejected(answer)
        later = Wait(RETRY_REJECTED_S, kind="refund_rejected", detail={"why": rejected}, emit=_look(job, rejected))
        return after(job, cents) or later


def _new_row(job: Job, known: RefundHistory, standing: Standing) -> RefundRow | Move:
    given_back = max(job.refunded_cents, standing.refunded_cents)
    owed = job.charged_cents - given_back - standing.lost_cents
    if owed > 0:
        key, reason = f"refund:{job.job_id}:{known.next_number}", job.failure_reason or "failed"
        return RefundRow(uuid4(), job.job_id, known.next_number, "claimed", owed, reason, key, 1, at_work=False)
    if given_back:
        return _refunded(job, given_back)
    status = Status.REFUNDED if standing.lost_cents else None  # the bank has given it back
    return Move(Stage.KEEP, "nothing_to_refund", {"charged_cents": job.charged_cents}, status=status, wake_s=0)


def _again(job: Job, last: RefundRow) -> RefundRow:
    """The open row under its next claim, and under its next key where Stripe keeps an error under the one before.

    Only where two refunds of this size do not fit into the charge: whatever came of the first, Stripe itself refuses
    the second (docs/decisions/0030).
    """
    replaceable = last.key_spent and 2 * last.amount_cents > job.charged_cents
    return replace(last, claim_no=last.claim_no + 1, key_number=last.key_number + replaceable)


def _automatic(job: Job, row: RefundRow) -> bool:
    """It is new, and no person is behind it: nobody ordered it, and the order was not given up by one."""
    return row.claim_no == 1 and not row.ordered_by and job.failure_reason not in BY_PEOPLE


def _question(job: Job, row: RefundRow) -> Question:
    key = str(uuid4()) if crash.broken("random_refund_key") else row.key
    intent, charged = job.payment_intent or "", job.charged_cents
    return Question(
        RefundOrder(row.refund_id, job.job_id, intent, row.amount_cents, charged, row.reason, key, row.key_number)
    )


def _verdict(order: RefundOrder, answer: RefundAnswer) -> RefundVerdict | None:
    match answer:
        case RefundState():
            return None
        case RefundUnclear(why=why, kept=kept):
            return RefundVerdict(order.refund_id, "claimed", why, order.key_number if kept else None)
        case RefundedElsewhere(pending=True):
            return RefundVerdict(order.refund_id, "claimed", "another refund of it is pending")
        case RefundedElsewhere():
            return RefundVerdict(order.refund_id, "failed", "refunded elsewhere")
        case RefundRejected(why=why):
            return RefundVerdict(order.refund_id, "failed", why)


def _awaited(job: Job, last: RefundRow, answer: RefundAnswer) -> bool:
    """Whether a job that has not failed stays for its refund: one that is still being made waits for no slow bank."""
    return isinstance(answer, RefundUnclear) or (last.open and job.delivered)


def _rejected(answer: RefundAnswer) -> str | None:
    """Why a person must look."""
    match answer:
        case RefundRejected(why=why):
            return why
        case RefundState(refund=refund) if refund.state == "failed":
            return refund.failure or "failed at the bank"
    return None


def _look(job: Job, why: str | None) -> tuple[Event, ...]:
    """A person is told of what is on the attention list."""
    return (JobAttention(job_id=job.job_id, reason=UNDONE, traceparent=job.traceparent),) if why else ()


def _back(job: Job, last: RefundRow, cents: int, emit: tuple[Event, ...] = ()) -> Move:
    """A person's order is done, or cannot be: the job goes on where it stood."""
    to = Stage(last.returns_to or Stage.ANNOUNCE)
    kind = IN_PART if cents != job.refunded_cents else "refund_over"
    return Move(to, kind, {"cents": cents, "state": last.state}, emit, wake_s=0, refunded_cents=cents)


def _refunded(job: Job, cents: int) -> Move:
    return Move(
        Stage.ANNOUNCE, "refunded", {"cents": cents}, (_refunded_event(job),), Status.REFUNDED, refunded_cents=cents
    )


def _refunded_event(job: Job) -> JobRefunded:
    return JobRefunded(job_id=job.job_id, traceparent=job.traceparent)
