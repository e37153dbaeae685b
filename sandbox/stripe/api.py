"""Stripe's own routes, `/v1/…`: the subset that Enlarger uses, and its neighbours."""

from functools import partial
from typing import TypeVar

from fastapi import APIRouter, Request

from sandbox.stripe.books import RefundPlan
from sandbox.stripe.desk import bites, desk_of, later, origin_of
from sandbox.stripe.expansion import expand
from sandbox.stripe.gate import StripeRoute
from sandbox.stripe.inputs import (
    ChargePage,
    EventPage,
    Expandable,
    Page,
    PaymentPage,
    RefundCreate,
    SessionCreate,
    SessionPage,
    read,
)
from sandbox.stripe.records import Charge, Dispute, Event, Intent, Record, Refund, Session, Transaction
from sandbox.stripe.refusals import Refusal
from sandbox.stripe.shapes import Shape, listed, render

router = APIRouter(prefix="/v1", route_class=StripeRoute)

Row = TypeVar("Row", bound=Record)


@router.post("/checkout/sessions")
async def create_session(request: Request) -> Shape:
    desk = desk_of(request)
    asked = read(SessionCreate, request.state.params)
    session = desk.books.open_session(asked, desk.settings.checkout_base)
    later(session["expires_at"] - desk.clock(), partial(desk.books.expire_session, session["id"]))
    return expand(desk.books.tables, session, asked.expand)


@router.get("/checkout/sessions")
async def list_sessions(request: Request) -> Shape:
    asked = read(SessionPage, request.state.params)
    return _page(request, Session, asked, payment_intent=asked.payment_intent, status=asked.status)


@router.get("/checkout/sessions/{session_id}")
async def get_session(request: Request, session_id: str) -> Shape:
    return _one(request, Session, session_id, "session")


@router.post("/checkout/sessions/{session_id}/expire")
async def expire_session(request: Request, session_id: str) -> Shape:
    asked, books = read(Expandable, request.state.params), desk_of(request).books
    return expand(books.tables, books.expire_session(session_id, origin_of(request)), asked.expand)


@router.get("/payment_intents/{intent_id}")
async def get_payment_intent(request: Request, intent_id: str) -> Shape:
    return _one(request, Intent, intent_id, "intent")


@router.get("/charges")
async def list_charges(request: Request) -> Shape:
    asked = read(ChargePage, request.state.params)
    return _page(request, Charge, asked, payment_intent=asked.payment_intent)


@router.get("/charges/{charge_id}")
async def get_charge(request: Request, charge_id: str) -> Shape:
    return _one(request, Charge, charge_id, "id")


@router.post("/refunds")
async def create_refund(request: Request) -> Shape:
    books = desk_of(request).books
    asked = read(RefundCreate, request.state.params)
    if bites(request, "insufficient_balance"):
        text = "Insufficient funds in your Stripe balance to refund this amount."
        raise Refusal(400, text, "balance_insufficient")
    slow_bank = bites(request, "refund_pending")
    plan = RefundPlan("pending", slow_bank.extra.get("pending_reason", "processing")) if slow_bank else RefundPlan()
    refund = books.refund(asked, plan, origin_of(request))
    if lapse := bites(request, "refund_fails_later"):
        fail = partial(
            books.move_refund, refund["id"], "failed", lapse.extra.get("failure_reason", "expired_or_canceled_card")
        )
        later(lapse.lasting(1), fail)
    return expand(books.tables, refund, asked.expand)


@router.get("/refunds")
async def list_refunds(request: Request) -> Shape:
    asked = read(PaymentPage, request.state.params)
    return _page(request, Refund, asked, payment_intent=asked.payment_intent, charge=asked.charge)


@router.get("/refunds/{refund_id}")
async def get_refund(request: Request, refund_id: str) -> Shape:
    return _one(request, Refund, refund_id, "refund")


@router.get("/disputes")
async def list_disputes(request: Request) -> Shape:
    asked = read(PaymentPage, request.state.params)
    return _page(request, Dispute, asked, payment_intent=asked.payment_intent, charge=asked.charge)


@router.get("/disputes/{dispute_id}")
async def get_dispute(request: Request, dispute_id: str) -> Shape:
    return _one(request, Dispute, dispute_id, "dispute")


@router.get("/balance_transactions/{entry_id}")
async def get_balance_transaction(request: Request, entry_id: str) -> Shape:
    return _one(request, Transaction, entry_id, "id")


@router.get("/events")
async def list_events(request: Request) -> Shape:
    asked = read(EventPage, request.state.params)
    return _page(request, Event, asked, type=asked.type)


@router.get("/events/{event_id}")
async def get_event(request: Request, event_id: str) -> Shape:
    return _one(request, Event, event_id, "id")


@router.api_route("/{rest:path}", methods=["GET", "POST", "DELETE"])
async def unknown(request: Request) -> Shape:
    text = f"Unrecognized request URL ({request.method}: {request.url.path}): the sandbox does not have it."
    raise Refusal(404, text, saved=False)


def _one(request: Request, kind: type[Row], row_id: str, param: str) -> Shape:
    asked, tables = read(Expandable, request.state.params), desk_of(request).books.tables
    return expand(tables, render(tables.get(kind, row_id, param=param)), asked.expand)


def _page(request: Request, kind: type[Row], asked: Page, **wanted: str | None) -> Shape:
    tables = desk_of(request).books.tables
    rows, has_more = tables.page(kind, asked, **wanted)
    page = listed(request.url.path, [render(row) for row in rows], has_more=has_more)
    return expand(tables, page, asked.expand)
