"""The stage `refund`: a failed job's charge is given back, once.

Consumes: upscale.failed.
Publishes: job.refunded, when the refund has *succeeded*.
Replays: acts only on jobs whose failure is committed (stage `refund`), so a forged or repeated message does nothing
else; a job in `announce` emits job.refunded again. A repeat uses the same row: same amount, same idempotency key, and
Stripe is asked first what it has already given back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import uuid4

from common import crash, jobs
from common.batches import backoff_s
from common.database import Transaction
from common.events import Event, JobRefunded, UpscaleFailed
from common.jobs import Job
from common.lane import Answered, Question, Work
from common.outcomes import Move, Nothing, Outcome, Wait
from common.stages import HOUR_S, Plan, Stage, Status
from services.finisher import refunds
from services.finisher.metrics import REFUNDED_CENTS, REFUNDS
from services.finisher.refunds import RefundRecord, RefundRow
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

RETRY_REJECTED_S = 24 * HOUR_S


class Refund:
    """The lane `refund`. See the module's contract."""

    name = "finisher.refund"
    events: Sequence[type[Event]] = (UpscaleFailed,)
    acts_on_held = False

    def __init__(self, settings: RefundSettings, plans: Mapping[Stage, Plan]) -> None:
        self.threads = settings.threads
        self._plan = plans[Stage.REFUND]
        self._stripe = Refunds(settings.stripe_api_key, settings.stripe_api_base, settings.stripe_timeout_s)
        self._lease_s = CALLS * settings.stripe_timeout_s + settings.claim_margin_s

    def begin(self, tx: Transaction, work: Sequence[Work]) -> Sequence[Question | Outcome]:
        rows = refunds.last_of_jobs(tx, [w.job.job_id for w in work])
        steps = [self._step(w.job, rows.get(w.job.job_id)) for w in work]
        claims = [step for step in steps if isinstance(step, RefundRow)]
        if claims:
            refunds.claim(tx, claims, self._lease_s)
        return [_question(w.job, s) if isinstance(s, RefundRow) else s for w, s in zip(work, steps, strict=True)]

    def ask(self, about: RefundOrder) -> RefundAnswer:
        crash.point("before_refund")
        answer = self._stripe.refund(about)
        crash.point("after_refund")
        REFUNDS.labels(answer.status if isinstance(answer, RefundState) else type(answer).__name__).inc()
        return answer

    def finish(self, tx: Transaction, answered: Sequence[Answered]) -> Sequence[Outcome]:
        refunds.record(tx, [_record(a.about, a.answer) for a in answered])
        rejected = [a for a in answered if isinstance(a.answer, RefundRejected) or _state(a.answer) == "failed"]
        jobs.raise_attention(tx, [(a.work.job.job_id, "refund_failed", _why(a.answer)) for a in rejected])
        given_back = refunds.refunded_cents(tx, [a.work.job.job_id for a in answered])
        return [
            self._decide(a.work.job, a.answer, a.about.amount_cents, given_back.get(a.work.job.job_id, 0))
            for a in answered
        ]

    def _step(self, job: Job, last: RefundRow | None) -> RefundRow | Outcome:
        """What the job is owed: a claim on an open or a new row, or an outcome at once."""
        if job.stage is Stage.ANNOUNCE and job.status is Status.REFUNDED:
            return Nothing("refunded already", (_refunded_event(job),))
        if job.stage is not Stage.REFUND:
            return Nothing(f"in stage {job.stage}: only a committed failure is refunded")
        owed = job.charged_cents - job.refunded_cents
        if owed <= 0:
            status = Status.REFUNDED if job.refunded_cents else None  # a courtesy that failed: it was refunded before
            return Move(Stage.KEEP, "nothing_to_refund", {"charged_cents": job.charged_cents}, status=status, wake_s=0)
        if last and last.at_work:
            return Nothing("Stripe is being asked")
        if last and last.open:
            return replace(last, claim_no=last.claim_no + 1)
        number = last.number + 1 if last else 1
        reason = job.failure_reason or "failed"
        return RefundRow(
            uuid4(), job.job_id, number, "claimed", owed, reason, f"refund:{job.job_id}:{number}", 1, at_work=False
        )

    def _decide(self, job: Job, answer: RefundAnswer, amount_cents: int, given_back: int) -> Outcome:
        """The answer is on its row; where does it lead, if the job still waits for it?"""
        if job.stage is not Stage.REFUND:
            return Nothing(f"answered in stage {job.stage}")
        match answer:
            case RefundState(status="succeeded"):
                REFUNDED_CENTS.inc(amount_cents)
                return _refunded(job, min(job.charged_cents, max(given_back, job.refunded_cents + amount_cents)))
            case RefundedElsewhere(refunded_cents=cents) if cents >= job.charged_cents:
                return _refunded(job, cents)
            case RefundState(status="pending" | "requires_action" as status):
                return Wait(HOUR_S, kind="refund_waits", detail={"status": status})
            case RefundUnclear(why=why):
                return Wait(backoff_s(self._plan, job.tries), counted=True, kind="refund_unclear", detail={"why": why})
        return Wait(RETRY_REJECTED_S, kind="refund_rejected", detail={"why": _why(answer)})


def _question(job: Job, row: RefundRow) -> Question:
    key = str(uuid4()) if crash.broken("random_refund_key") else row.idempotency_key
    order = RefundOrder(row.refund_id, job.job_id, job.payment_intent or "", row.amount_cents, row.reason, key)
    return Question(order)


def _record(order: RefundOrder, answer: RefundAnswer) -> RefundRecord:
    match answer:
        case RefundState(stripe_refund=stripe_refund, status=status, failure=failure):
            return RefundRecord(order.refund_id, status, stripe_refund, failure)
        case RefundedElsewhere() | RefundRejected():
            return RefundRecord(order.refund_id, "failed", None, _why(answer))
        case RefundUnclear(why=why):
            return RefundRecord(order.refund_id, "claimed", None, why)


def _refunded(job: Job, cents: int) -> Move:
    return Move(
        Stage.ANNOUNCE, "refunded", {"cents": cents}, (_refunded_event(job),), Status.REFUNDED, refunded_cents=cents
    )


def _refunded_event(job: Job) -> JobRefunded:
    return JobRefunded(job_id=job.job_id, traceparent=job.traceparent)


def _state(answer: RefundAnswer) -> str:
    return answer.status if isinstance(answer, RefundState) else ""


def _why(answer: RefundAnswer) -> str:
    match answer:
        case RefundState(status=status, failure=failure):
            return f"{status}: {failure or 'no reason given'}"
        case RefundedElsewhere(refunded_cents=cents):
            return f"{cents} cents were refunded elsewhere"
        case RefundRejected(why=why) | RefundUnclear(why=why):
            return why
