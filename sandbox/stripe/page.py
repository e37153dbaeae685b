"""The page on which a customer pays, with the buttons that a test or a visitor needs."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader

from sandbox.stripe.desk import desk_of
from sandbox.stripe.records import Session
from sandbox.stripe.refusals import Refusal

router = APIRouter(prefix="/pay")

_TEMPLATES = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
_SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£"}
_NO_STORE = {"Cache-Control": "no-store"}


def money(amount: int, currency: str) -> str:
    value = Decimal(amount) / 100
    symbol = _SYMBOLS.get(currency)
    return f"{symbol}{value:,.2f}" if symbol else f"{value:,.2f} {currency.upper()}"


@router.get("/{session_id}")
async def show(request: Request, session_id: str) -> Response:
    try:
        session = desk_of(request).books.tables.get(Session, session_id)
    except Refusal:
        return _page(None, status=404)
    return _page(session)


@router.post("/{session_id}")
async def act(
    request: Request,
    session_id: str,
    action: Annotated[Literal["pay", "delayed", "cancel"], Form()],
    email: Annotated[str, Form()] = "",
) -> Response:
    """A second click on a paid order leads on to the shop, as the first did; it charges nothing."""
    books = desk_of(request).books
    try:
        session = books.tables.get(Session, session_id)
    except Refusal:
        return _page(None, status=404)
    if action == "cancel":
        return _leave(session, session.asked.cancel_url or session.asked.success_url)
    if session.status == "open":
        try:
            books.pay(session_id, email.strip(), "card" if action == "pay" else "us_bank_account")
        except Refusal as refusal:
            return _page(session, problem=refusal.message, status=400)
    if session.status == "expired":
        return _page(session, status=410)
    return _leave(session, session.asked.success_url)


def _leave(session: Session, url: str) -> Response:
    return RedirectResponse(url.replace("{CHECKOUT_SESSION_ID}", session.id), 303, headers=_NO_STORE)


def _page(session: Session | None, *, problem: str = "", status: int = 200) -> Response:
    html = _TEMPLATES.get_template("page.html").render(session=session, problem=problem, money=money)
    return HTMLResponse(html, status, headers=_NO_STORE)
