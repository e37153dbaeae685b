"""The lane `checkout`: asks Stripe about checkouts that nobody has paid yet.

Consumes: checkout.check.
Publishes: payment.completed when a payment's webhook was lost; job.attention when it differs from what was sold.
Replays: a job that is paid already emits payment.completed again while it waits to be submitted, else nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from common import crash
from common.batches import backoff_s
from common.database import Transaction
from common.events import CheckoutCheck, Event
from common.jobs import Job
from common.lane import CALLS_HELD, Answered, Question, Work
from common.outcomes import Move, Nothing, Outcome, Wait
from common.stages import Plan, Stage, Status
from services.ingest.money import payments
from services.ingest.money.payments import Paid, Sale, Terms
from services.ingest.money.stripe import Session, Stripe, StripeAwayError, StripeRefusedError
from services.ingest.settings import IngestSettings

DAY_S = 86_400.0
NO_SESSION_S = 300.0  # a checkout without a session this long after the order: nobody ever saw a payment page

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Check:
    """What Stripe is asked: the session, and to close it when it is `old` and still open."""

    session_id: str
    old: bool


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Stripe is away, or knows no such session: `why` is for the log."""

    why: str


class Checkout:
    """The lane `checkout`. See the module's contract."""

    name = "checkout"
    events: Sequence[type[Event]] = (CheckoutCheck,)
    acts_on_held = False
    reads: Sequence[str] = ()

    def __init__(self, settings: IngestSettings, plans: Mapping[Stage, Plan], stripe: Stripe) -> None:
        self.threads, self.prefetch = settings.threads, min(settings.prefetch, CALLS_HELD * settings.threads)
        self._stripe = stripe
        self._plan = plans[Stage.CHECKOUT]
        self._old_s = settings.abandoned_after_hours * 3600
        promise_s = settings.delivery_promise_hours * 3600
        self._terms = Terms(settings.live, promise_s, settings.fee, settings.revoke_on_dispute)

    def begin(self, tx: Transaction, work: Sequence[Work]) -> Sequence[Question | Outcome]:
        known = payments.sold(tx, [w.job.job_id for w in work])
        return [self._step(w.job, known[w.job.job_id]) for w in work]

    def ask(self, about: Check) -> Session | NoAnswer:
        try:
            crash.point("before_checkout")
            session = self._stripe.session(about.session_id)
            crash.point("after_checkout")
            if about.old and session.status == "open":
                session = self._closed(about.session_id)
        except (StripeAwayError, StripeRefusedError) as error:
            return NoAnswer(str(error))
        return session

    def finish(self, tx: Transaction, answered: Sequence[Answered]) -> Sequence[Outcome]:
        return [self._decide(tx, a.work.job, a.answer) for a in answered]

    def _step(self, job: Job, sale: Sale) -> Question | Outcome:
        if job.stage is not Stage.CHECKOUT:
            return payments.repeat(job)
        if sale.session_id:
            return Question(Check(sale.session_id, sale.age_s > self._old_s))
        if sale.age_s > NO_SESSION_S:
            return _abandoned("no payment page")
        return Wait(NO_SESSION_S)

    def _closed(self, session_id: str) -> Session:
        """Close the payment page; a customer who pays at this very moment is faster or slower, never both."""
        try:
            return self._stripe.expire(session_id)
        except StripeRefusedError:
            return self._stripe.session(session_id)

    def _decide(self, tx: Transaction, job: Job, answer: Session | NoAnswer) -> Outcome:
        match answer:
            case NoAnswer(why=why):
                log.warning("stripe.no_answer", job_id=str(job.job_id), error=why)
                return Wait(backoff_s(self._plan, job.tries), counted=True)
            case Session(paid=True) as session:
                return self._taken(tx, job, session)
            case _ if job.stage is not Stage.CHECKOUT:
                return payments.repeat(job)
            case Session(status="expired"):
                return _abandoned("the payment page is closed")
            case Session(status="complete"):
                return Wait(DAY_S)
        return Wait(self._plan.every_s)

    def _taken(self, tx: Transaction, job: Job, session: Session) -> Move | Nothing:
        paid = Paid(
            "check", session.amount_cents, session.currency, session.live, session.payment_intent, session.email
        )
        outcome = payments.take(tx, job, paid, self._terms)
        if isinstance(outcome, Move):
            payments.note(paid)
        return outcome


def _abandoned(reason: str) -> Move:
    return Move(Stage.SETTLED, "abandoned", {"reason": reason}, status=Status.ABANDONED)
