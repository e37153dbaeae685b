"""Taking a payment: one function for whoever learns of it first, Stripe's webhook or the checkout lane.

What Stripe told about the payment before it told of the payment itself is caught up with here.
"""

from dataclasses import dataclass
from uuid import UUID

from psycopg.rows import class_row

from common import ledger
from common.attention import raise_attention
from common.database import Transaction
from common.events import Event, JobAttention, PaymentCompleted, UpscaleFailed
from common.jobs import Job
from common.ledger import Charge, Fee
from common.outcomes import Move, Nothing, Payment
from common.refunds import standings, tell_in_part
from common.stages import Stage, Status
from services.ingest.metrics import PAYMENT_CENTS, PAYMENTS
from services.ingest.money import early

MISMATCH = "payment_mismatch"
PAID_TWICE = "paid_twice"


@dataclass(frozen=True, slots=True)
class Terms:
    """What we sold, to compare a payment with. `live`: our key moves real money; `promise_s`: from payment; `fee`:
    what Stripe keeps of it.
    """

    live: bool
    promise_s: float
    fee: Fee
    revoke_on_dispute: bool = True


@dataclass(frozen=True, slots=True)
class Paid:
    """The fact that money was taken, as Stripe tells it. `source` is who told us, for the books."""

    source: str
    amount_cents: int | None
    currency: str | None
    live: bool
    payment_intent: str | None
    email: str | None


@dataclass(frozen=True, slots=True)
class Sale:
    """What the row says of the checkout itself. `age_s`: seconds since it was ordered."""

    job_id: UUID
    amount_cents: int
    session_id: str | None
    age_s: float


def sold(tx: Transaction, job_ids: list[UUID]) -> dict[UUID, Sale]:
    """The checkouts of these jobs."""
    rows = tx.cursor(row_factory=class_row(Sale)).execute(
        """SELECT job_id, amount_cents, session_id, extract(epoch FROM now() - created_at)::float8 AS age_s
           FROM jobs WHERE job_id = ANY(%(ids)s)""",
        {"ids": job_ids},
    )
    return {sale.job_id: sale for sale in rows}


def take(tx: Transaction, job: Job, paid: Paid, terms: Terms) -> Move | Nothing:
    """Decide what a payment means for its (locked) job, and book it; what a person must see is put on the attention
    list.

    A payment that differs from what we sold is taken and held. A second fact about the same payment changes nothing.
    """
    if job.charged_cents or not (job.stage is Stage.CHECKOUT or job.status is Status.ABANDONED):
        if paid.payment_intent and job.payment_intent and paid.payment_intent != job.payment_intent:
            _take_further(tx, job, paid, terms)
        return repeat(job)
    differences = _differences(job, sold(tx, [job.job_id])[job.job_id], paid, terms)
    if differences:
        raise_attention(tx, [(job.job_id, MISMATCH, "; ".join(differences))])
    _book(tx, job, paid, terms)
    move = _taken(job, paid, terms, differences)
    if paid.payment_intent and early.catch_up(tx, job.job_id, paid.payment_intent, revoke=terms.revoke_on_dispute):
        return _refunded_meanwhile(tx, job, paid.payment_intent, move)
    return move


def _taken(job: Job, paid: Paid, terms: Terms, differences: list[str]) -> Move:
    charged = paid.amount_cents or 0
    event: Event = (
        JobAttention(job_id=job.job_id, reason=MISMATCH, traceparent=job.traceparent)
        if differences
        else PaymentCompleted(job_id=job.job_id, traceparent=job.traceparent)
    )
    detail = {"source": paid.source, "charged_cents": charged, "payment_intent": paid.payment_intent}
    return Move(
        Stage.SUBMIT,
        "paid",
        detail | ({"differences": differences} if differences else {}),
        (event,),
        Status.PENDING,
        payment=Payment(charged, paid.payment_intent, paid.email, terms.promise_s),
        hold=MISMATCH if differences else None,
    )


def _refunded_meanwhile(tx: Transaction, job: Job, payment_intent: str, move: Move) -> Move:
    """What is paid and given back already is not made: the refund lane closes it, and tells its customer."""
    cents = standings(tx, [job.job_id], payment_intent)[job.job_id].refunded_cents
    charged = move.payment.charged_cents if move.payment else 0
    if not 0 < charged <= cents:
        tell_in_part(tx, job._replace(charged_cents=charged), cents)
        return move._replace(refunded_cents=cents)
    event = UpscaleFailed(job_id=job.job_id, traceparent=job.traceparent)
    return move._replace(
        to=Stage.REFUND, status=Status.FAILED, emit=(event,), refunded_cents=cents,
        failure_reason="refunded_by_shop", hold=None,
    )  # fmt: skip


def _take_further(tx: Transaction, job: Job, paid: Paid, terms: Terms) -> None:
    """The order was paid a second time: that money is on the books, and a person gives it back."""
    new = tx.execute(
        """INSERT INTO further_payments (payment_intent, job_id, amount_cents)
           VALUES (%(intent)s, %(job)s, %(cents)s) ON CONFLICT DO NOTHING""",
        {"intent": paid.payment_intent, "job": job.job_id, "cents": paid.amount_cents or 0},
    ).rowcount
    if new and paid.payment_intent:
        raise_attention(tx, [(job.job_id, PAID_TWICE, f"also paid by {paid.payment_intent}")])
        _book(tx, job, paid, terms)
        early.catch_up(tx, job.job_id, paid.payment_intent, revoke=terms.revoke_on_dispute)


def _book(tx: Transaction, job: Job, paid: Paid, terms: Terms) -> None:
    currency = (paid.currency or job.currency).lower()
    charge = Charge(job.job_id, paid.amount_cents or 0, currency, paid.payment_intent)
    ledger.book(tx, ledger.charged(charge, terms.fee))


def note(paid: Paid) -> None:
    """Count a payment that was committed."""
    PAYMENTS.labels(paid.source).inc()
    PAYMENT_CENTS.labels(paid.currency or "unknown").inc(paid.amount_cents or 0)


def repeat(job: Job) -> Nothing:
    """Nothing is left to take: the outcome once more, while the job still stands where it led to."""
    waiting = job.stage is Stage.SUBMIT and not job.held and not job.attempt
    again = (PaymentCompleted(job_id=job.job_id, traceparent=job.traceparent),) if waiting else ()
    return Nothing(f"in stage {job.stage}", again)


def _differences(job: Job, sale: Sale, paid: Paid, terms: Terms) -> list[str]:
    told = []
    if paid.amount_cents != sale.amount_cents:
        told.append(f"{paid.amount_cents} cents were paid, {sale.amount_cents} asked")
    if (paid.currency or "").lower() != job.currency:
        told.append(f"paid in {paid.currency}, sold in {job.currency}")
    if paid.live is not terms.live:
        told.append("paid in live mode with a test key" if paid.live else "paid in test mode with a live key")
    return told
