"""Stripe's events: recorded and acted on in one transaction (design section 5). A duplicate does nothing.

Consumes: https://docs.stripe.com/api/events/types, those of contracts.md section 2; others are counted.
Publishes: what the job's change emits, after the commit.
Replays: every fact is written under its own name, so an event that is acted on again changes nothing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol
from uuid import UUID

import structlog

from common import crash, jobs
from common.database import Database, Transaction
from common.events import Event
from common.jobs import Job
from common.metrics import moved
from common.outcomes import Move, Nothing, Wait
from common.people.redaction import redacted
from common.refunds import StripeRefund
from common.stages import HOUR_S, Plan, Stage, Status
from services.ingest.edge import ACTOR
from services.ingest.metrics import STRIPE_EVENTS
from services.ingest.money import early, payments, reversals
from services.ingest.money.payments import Paid, Terms
from services.ingest.money.reversals import Reversal, Rules
from services.ingest.money.stripe import Stripe, session_of
from services.ingest.settings import IngestSettings

ABOUT_SESSIONS = {
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
}
ABOUT_INTENTS = {"payment_intent.succeeded", "payment_intent.payment_failed"}
ABOUT_MONEY = reversals.REFUNDS | reversals.CHARGES | reversals.DISPUTES
NOT_OURS = "ignored"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class StripeEvent:
    """An event, and the object as it was then."""

    event_id: str
    kind: str
    about: Mapping[str, Any]
    payload: Mapping[str, Any]

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> "StripeEvent":
        return cls(str(payload["id"]), str(payload["type"]), payload["data"]["object"], payload)

    @property
    def handled(self) -> bool:
        return self.kind in ABOUT_SESSIONS | ABOUT_INTENTS | ABOUT_MONEY

    @property
    def payment_intent(self) -> str | None:
        """The payment that it is about."""
        intent = self.about.get("id" if self.kind in ABOUT_INTENTS else "payment_intent")
        intent = intent.get("id") if isinstance(intent, Mapping) else intent
        return intent if isinstance(intent, str) else None


@dataclass(frozen=True, slots=True)
class Told:
    """What was found out before the transaction: a payment, and the payment's refunds as Stripe lists them."""

    paid: Paid | None = None
    seen: tuple[StripeRefund, ...] = ()


class Cashier(Protocol):
    """What acting on an event needs: ingest has it, and the command that replays events."""

    @property
    def settings(self) -> IngestSettings: ...
    @property
    def plans(self) -> Mapping[Stage, Plan]: ...
    @property
    def database(self) -> Database: ...
    @property
    def stripe(self) -> Stripe: ...
    @property
    def publisher(self) -> "Publishing": ...


class Publishing(Protocol):
    """Publishes after a commit; what it does not, the clock does."""

    def publish(self, events: Sequence[Event]) -> None: ...


def receive(edge: Cashier, payload: Mapping[str, Any]) -> str:
    """Record the event and act on it; returns what became of it. Raises DatabaseAwayError, StripeAwayError.

    The events that follow are published after the commit.
    """
    event = StripeEvent.of(payload)
    outcome = _act(edge, event, _ask(edge, event), again=False)
    STRIPE_EVENTS.labels(event.kind if event.handled else "other", outcome).inc()
    log.info("stripe.event", type=event.kind, outcome=outcome)
    return outcome


def replay(edge: Cashier, payload: Mapping[str, Any]) -> str:
    """Act on a recorded event once more: what it says is on the books already, or is now. Raises as `receive`."""
    event = StripeEvent.of(payload)
    return _act(edge, event, _ask(edge, event), again=True)


def _ask(edge: Cashier, event: StripeEvent) -> Told:
    """What Stripe must be asked for, while no transaction is open."""
    if event.kind in reversals.CHARGES:
        return Told(seen=_refunds(edge, event))
    paid = _paid(event) if event.handled else None
    return Told(_with_address(edge, event, paid) if paid and not paid.email else paid)


def _act(edge: Cashier, event: StripeEvent, told: Told, *, again: bool) -> str:
    with edge.database.transaction() as tx:
        job_id = _find_job(tx, event) if event.handled else None
        if job_id is None and event.kind in ABOUT_MONEY and event.payment_intent:
            early.alone(tx, event.payment_intent)
            job_id = _find_job(tx, event)
        # before the event's row, which refers to the job: two events that share its row would each wait for the other
        job = jobs.lock(tx, [job_id])[job_id] if job_id else None
        outcome = NOT_OURS if job_id is None else "applied"
        if not _record(tx, event, job_id, outcome) and not again:
            return "duplicate"
        if crash.broken("event_apart_from_effect"):
            tx.commit()
        if job_id is None or job is None:
            return outcome
        change = _decide(tx, edge, event, job, told)
        if isinstance(change, Move | Wait):
            jobs.apply(tx, edge.plans, ACTOR, [(job, change)])
        else:
            outcome = "nothing"
        _note(tx, event, job_id, change.why if isinstance(change, Nothing) else outcome)
        crash.point("event_before_commit")
    crash.point("event_after_commit")
    if isinstance(change, Move):
        moved(job, change)
    if told.paid and isinstance(change, Move) and change.payment:
        payments.note(told.paid)
    if isinstance(change, Move | Wait):
        edge.publisher.publish(change.emit)
    return outcome


def _decide(tx: Transaction, edge: Cashier, event: StripeEvent, job: Job, told: Told) -> Move | Wait | Nothing:
    if event.kind in ABOUT_MONEY:
        rules = Rules(edge.settings.revoke_on_refund, edge.settings.revoke_on_dispute)
        return reversals.decide(tx, job, Reversal(event.kind, event.about, told.seen), rules)
    if told.paid:
        settings = edge.settings
        return payments.take(
            tx,
            job,
            told.paid,
            Terms(settings.live, settings.delivery_promise_hours * HOUR_S, settings.fee, settings.revoke_on_dispute),
        )
    if job.stage is not Stage.CHECKOUT or job.charged_cents:
        return Nothing(f"in stage {job.stage}")
    match event.kind:
        case "checkout.session.expired" | "checkout.session.async_payment_failed":
            return Move(Stage.SETTLED, "abandoned", {"reason": event.kind}, status=Status.ABANDONED)
        case "payment_intent.payment_failed":
            # the payment page stays open: the customer may try another card
            return Wait(edge.settings.checkout_check_s, kind="payment_declined")
        case _:
            return Wait(edge.settings.checkout_check_s, kind="payment_pending")


def _paid(event: StripeEvent) -> Paid | None:
    """The payment that this event tells of, if it does."""
    about = event.about
    match event.kind:
        case "checkout.session.completed" | "checkout.session.async_payment_succeeded":
            session = session_of(dict(about))
            if not session.paid:
                return None
            return Paid("webhook", session.amount_cents, session.currency, session.live, session.payment_intent,
                        session.email)  # fmt: skip
        case "payment_intent.succeeded":
            return Paid("webhook", about.get("amount_received"), about.get("currency"), bool(about.get("livemode")),
                        str(about["id"]), about.get("receipt_email"))  # fmt: skip
    return None


def _with_address(edge: Cashier, event: StripeEvent, paid: Paid) -> Paid:
    """The address from the session, when the job has none either. No transaction is open while Stripe is asked."""
    with edge.database.transaction() as tx:
        job_id = _find_job(tx, event)
        row = (
            job_id
            and tx.execute(
                "SELECT session_id, email FROM jobs WHERE job_id = %(id)s AND charged_cents = 0", {"id": job_id}
            ).fetchone()
        )
    if not row or row[1]:
        return paid
    session_id = event.about["id"] if event.kind in ABOUT_SESSIONS else row[0]
    session = edge.stripe.session(session_id) if session_id else edge.stripe.session_of_intent(event.about["id"])
    return replace(paid, email=session.email if session else None)


def _refunds(edge: Cashier, event: StripeEvent) -> tuple[StripeRefund, ...]:
    """The refunds of a charge of ours that was given back more than we know of."""
    with edge.database.transaction() as tx:
        job_id = _find_job(tx, event)
        if job_id is None or event.payment_intent is None:
            return ()
        row = tx.execute(
            "SELECT COALESCE(sum(amount_cents), 0) FROM refunds WHERE payment_intent = %s AND state <> 'failed'",
            [event.payment_intent],
        ).fetchone()
    if (row and row[0]) == event.about.get("amount_refunded") or (event.about.get("refunds") or {}).get("data"):
        return ()
    return edge.stripe.refunds(event.payment_intent)


def _find_job(tx: Transaction, event: StripeEvent) -> UUID | None:
    """By what we know the session or the payment under, else by metadata that we wrote."""
    about = event.about
    row = tx.execute(
        """SELECT job_id FROM order_keys WHERE session_id = %(session)s OR payment_intent = %(intent)s
           ORDER BY session_id = %(session)s DESC NULLS LAST LIMIT 1""",
        {"session": about.get("id") if event.kind in ABOUT_SESSIONS else None, "intent": event.payment_intent},
    ).fetchone() or tx.execute(
        "SELECT job_id FROM further_payments WHERE payment_intent = %s", [event.payment_intent]
    ).fetchone()  # fmt: skip
    if row:
        return UUID(str(row[0]))
    metadata = about.get("metadata") or {}
    job_id = _uuid(metadata.get("job_id")) if metadata.get("source") == "enlarger" else None
    known = job_id and tx.execute("SELECT 1 FROM jobs WHERE job_id = %(id)s", {"id": job_id}).fetchone()
    return job_id if known else None


def _uuid(text: object) -> UUID | None:
    try:
        return UUID(str(text))
    except ValueError:
        return None


def _record(tx: Transaction, event: StripeEvent, job_id: UUID | None, outcome: str) -> bool:
    """False when this event was recorded before. A parallel duplicate waits here for the first one's commit."""
    return bool(
        tx.execute(
            """INSERT INTO stripe_events (event_id, type, job_id, outcome, payload, payment_intent, redacted_at)
               SELECT %(id)s, %(type)s, %(job)s, %(outcome)s, CASE WHEN j.forgotten_at IS NULL THEN %(payload)s::jsonb
                      ELSE %(redacted)s::jsonb END, %(intent)s, CASE WHEN j.forgotten_at IS NOT NULL THEN now() END
               FROM (SELECT %(job)s::uuid AS job_id) e LEFT JOIN jobs j USING (job_id) ON CONFLICT DO NOTHING""",
            {
                "id": event.event_id,
                "type": event.kind,
                "job": job_id,
                "outcome": outcome,
                "payload": json.dumps(event.payload),
                "redacted": json.dumps(redacted(event.payload)),  # of an order whose customer was forgotten
                "intent": event.payment_intent if event.kind in ABOUT_MONEY else None,
            },
        ).rowcount
    )


def _note(tx: Transaction, event: StripeEvent, job_id: UUID, outcome: str) -> None:
    """What became of it, where that is not what was recorded with it."""
    tx.execute(
        """UPDATE stripe_events SET outcome = %(outcome)s, job_id = %(job)s
           WHERE event_id = %(id)s AND (outcome, job_id) IS DISTINCT FROM (%(outcome)s, %(job)s)""",
        {"outcome": outcome, "job": job_id, "id": event.event_id},
    )
