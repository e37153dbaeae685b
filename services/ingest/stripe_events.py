"""Stripe's events: recorded and acted on in one transaction (design section 5). A duplicate does nothing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import structlog

from common import crash, jobs
from common.database import Transaction
from common.jobs import Job
from common.metrics import moved
from common.outcomes import Move, Nothing, Wait
from common.stages import Stage, Status
from services.ingest import payments
from services.ingest.edge import ACTOR, Parts
from services.ingest.metrics import STRIPE_EVENTS
from services.ingest.payments import Paid, Terms
from services.ingest.stripe import session_of

ABOUT_SESSIONS = {
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
}
ABOUT_INTENTS = {"payment_intent.succeeded", "payment_intent.payment_failed"}

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
        return self.kind in ABOUT_SESSIONS | ABOUT_INTENTS


def receive(edge: Parts, payload: Mapping[str, Any]) -> str:
    """Record the event and act on it; returns what became of it. Raises DatabaseAwayError, StripeAwayError.

    The events that follow are published after the commit.
    """
    event = StripeEvent.of(payload)
    paid = _paid(event) if event.handled else None
    if paid and not paid.email:
        paid = _with_address(edge, event, paid)
    outcome = _act(edge, event, paid)
    STRIPE_EVENTS.labels(event.kind if event.handled else "other", outcome).inc()
    log.info("stripe.event", type=event.kind, outcome=outcome)
    return outcome


def _act(edge: Parts, event: StripeEvent, paid: Paid | None) -> str:
    with edge.database.transaction() as tx:
        job_id = _find_job(tx, event) if event.handled else None
        outcome = "ignored" if job_id is None else "applied"
        if not _record(tx, event, job_id, outcome):
            return "duplicate"
        if crash.broken("event_apart_from_effect"):
            tx.commit()
        if job_id is None:
            return outcome
        job = jobs.lock(tx, [job_id])[job_id]
        change = _decide(tx, edge, event, job, paid)
        if isinstance(change, Move | Wait):
            jobs.apply(tx, edge.plans, ACTOR, [(job, change)])
        else:
            outcome = "nothing"
            tx.execute("UPDATE stripe_events SET outcome = %(outcome)s WHERE event_id = %(id)s",
                       {"outcome": change.why, "id": event.event_id})  # fmt: skip
        crash.point("event_before_commit")
    crash.point("event_after_commit")
    if isinstance(change, Move):
        moved(job, change)
        if paid and change.payment:
            payments.note(paid)
        edge.publisher.publish(change.emit)
    return outcome


def _decide(tx: Transaction, edge: Parts, event: StripeEvent, job: Job, paid: Paid | None) -> Move | Wait | Nothing:
    if paid:
        return payments.take(tx, job, paid, Terms(edge.settings.live, edge.promise_s))
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


def _with_address(edge: Parts, event: StripeEvent, paid: Paid) -> Paid:
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


def _find_job(tx: Transaction, event: StripeEvent) -> UUID | None:
    """By what we know the session or the payment under, else by metadata that we wrote."""
    about = event.about
    key = {"session": about.get("id")} if event.kind in ABOUT_SESSIONS else {"session": None}
    intent = about.get("payment_intent") if event.kind in ABOUT_SESSIONS else about.get("id")
    row = tx.execute(
        """SELECT job_id FROM jobs WHERE session_id = %(session)s OR payment_intent = %(intent)s
           ORDER BY session_id = %(session)s DESC NULLS LAST LIMIT 1""",
        key | {"intent": intent if isinstance(intent, str) else None},
    ).fetchone()
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
            """INSERT INTO stripe_events (event_id, type, job_id, outcome, payload)
               VALUES (%(id)s, %(type)s, %(job)s, %(outcome)s, %(payload)s) ON CONFLICT DO NOTHING""",
            {
                "id": event.event_id,
                "type": event.kind,
                "job": job_id,
                "outcome": outcome,
                "payload": json.dumps(event.payload),
            },
        ).rowcount
    )
