"""The remote control, `/sandbox/…`: what customers, banks and the dashboard do; faults; the ledger."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Request
from pydantic import BaseModel, ConfigDict, Field

from sandbox.stripe.books import RefundPlan
from sandbox.stripe.desk import desk_of
from sandbox.stripe.inputs import RefundCreate
from sandbox.stripe.records import Charge, Dispute, Event, Intent, Refund, RefundStatus, Session, Transaction
from sandbox.stripe.shapes import Shape, render

router = APIRouter(prefix="/sandbox")


class Command(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Pay(Command):
    email: str | None = None
    delayed: bool = False


class Settle(Command):
    succeeded: bool


class MoveRefund(Command):
    status: RefundStatus
    failure_reason: str | None = None


class DashboardRefund(Command):
    amount: int | None = Field(default=None, ge=1)
    status: Literal["succeeded", "pending", "requires_action"] = "succeeded"


class OpenDispute(Command):
    status: Literal["needs_response", "warning_needs_response"] = "needs_response"
    reason: str = "product_not_received"


class CloseDispute(Command):
    status: Literal["won", "lost", "warning_closed"]


class MadeEvent(Command):
    type: str
    object: dict[str, Any]


class Resend(Command):
    times: int = Field(default=1, ge=1, le=100)
    parallel: bool = True


@router.post("/sessions/{session_id}/pay")
async def pay(request: Request, session_id: str, asked: Annotated[Pay, Body(default_factory=Pay)]) -> Shape:
    method: Literal["card", "us_bank_account"] = "us_bank_account" if asked.delayed else "card"
    return desk_of(request).books.pay(session_id, asked.email, method)


@router.post("/sessions/{session_id}/settle")
async def settle(request: Request, session_id: str, asked: Settle) -> Shape:
    return desk_of(request).books.settle(session_id, succeeded=asked.succeeded)


@router.post("/sessions/{session_id}/expire")
async def expire(request: Request, session_id: str) -> Shape:
    """As if its time were over; Stripe's own route is the merchant's doing."""
    return desk_of(request).books.expire_session(session_id)


@router.post("/payment_intents/{intent_id}/refund")
async def dashboard_refund(
    request: Request, intent_id: str, asked: Annotated[DashboardRefund, Body(default_factory=DashboardRefund)]
) -> Shape:
    refund = RefundCreate(payment_intent=intent_id, amount=asked.amount)
    return desk_of(request).books.refund(refund, RefundPlan(asked.status))


@router.post("/refunds/{refund_id}")
async def move_refund(request: Request, refund_id: str, asked: MoveRefund) -> Shape:
    return desk_of(request).books.move_refund(refund_id, asked.status, asked.failure_reason)


@router.post("/payment_intents/{intent_id}/dispute")
async def dispute(
    request: Request, intent_id: str, asked: Annotated[OpenDispute, Body(default_factory=OpenDispute)]
) -> Shape:
    return desk_of(request).books.dispute(intent_id, asked.status, asked.reason)


@router.post("/disputes/{dispute_id}/escalate")
async def escalate_dispute(request: Request, dispute_id: str) -> Shape:
    return desk_of(request).books.escalate_dispute(dispute_id)


@router.post("/disputes/{dispute_id}/review")
async def review_dispute(request: Request, dispute_id: str) -> Shape:
    """Evidence was sent, in the dashboard."""
    return desk_of(request).books.review_dispute(dispute_id)


@router.post("/disputes/{dispute_id}/close")
async def close_dispute(request: Request, dispute_id: str, asked: CloseDispute) -> Shape:
    return desk_of(request).books.close_dispute(dispute_id, asked.status)


@router.post("/events")
async def make_event(request: Request, asked: MadeEvent) -> Shape:
    return render(desk_of(request).journal.emit(asked.type, asked.object))


@router.post("/events/{event_id}/resend")
async def resend(request: Request, event_id: str, asked: Annotated[Resend, Body(default_factory=Resend)]) -> Shape:
    desk = desk_of(request)
    event = desk.books.tables.get(Event, event_id)
    desk.sender.resend(event, asked.times, parallel=asked.parallel)
    return render(event)


@router.delete("/keys")
async def forget_keys(request: Request) -> dict[str, int]:
    """As if a day had passed: Stripe forgets idempotency keys after 24 hours or more."""
    return {"forgotten": desk_of(request).keys.forget_all()}


@router.get("/ledger")
async def ledger(request: Request) -> dict[str, Any]:
    """All that reached the stand-in and all that it did, oldest first. Tests judge by this."""
    desk = desk_of(request)
    tables = desk.books.tables
    with desk.books.lock:
        return {
            "calls": desk.calls.told(),
            "sessions": [render(row) for row in tables.every(Session)],
            "payment_intents": [_with_charge(request, row) for row in tables.every(Intent)],
            "charges": [render(row) for row in tables.every(Charge)],
            "refunds": [render(row) for row in tables.every(Refund)],
            "disputes": [render(row) for row in tables.every(Dispute)],
            "balance_transactions": [render(row) for row in tables.every(Transaction)],
            "events": [_with_deliveries(row) for row in tables.every(Event)],
            "faults": desk.faults.list(),
        }


def _with_charge(request: Request, intent: Intent) -> Shape:
    """What the intent alone does not say: how much went back, and whether it is disputed."""
    charge = desk_of(request).books.tables.get(Charge, intent.latest_charge)
    return render(intent) | {"amount_refunded": charge.amount_refunded, "disputed": charge.disputed}


def _with_deliveries(event: Event) -> Shape:
    extra = asdict(event)
    return render(event) | {"lost": event.lost, "attempts": extra["attempts"]}
