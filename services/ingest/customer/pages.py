"""The pages that people see: an order's status, and the site's own front."""

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from common.language import mark, translate
from common.stages import Status
from services.ingest.customer import corrections, opinions, previews, status
from services.ingest.customer.progress import (
    Order,
    cancellable,
    customer_stage,
    estimated_completion,
    failure,
    payment_status,
    plugin_status,
    progress,
)
from services.ingest.edge import Edge
from services.ingest.web.answers import PAGE, refusals
from services.ingest.web.templating import language_of, page

REFRESH_S = 10
STAGES = ("paid", "queued", "processing", "finishing", "completed")

router = APIRouter(tags=["customer"])


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the stage list; `state` is done, now or ahead."""

    name: str
    title: str
    state: str


TITLES = {
    "paid": mark("Paid"),
    "queued": mark("In the queue"),
    "processing": mark("Being enlarged"),
    "finishing": mark("Checked and stored"),
    "completed": mark("Ready to download"),
}
HEADLINES = {
    Status.COMPLETED: mark("Your enlargement is ready"),
    Status.FAILED: mark("This one did not work"),
    Status.REFUNDED: mark("Refunded"),
    Status.ABANDONED: mark("This order was not paid"),
    Status.AWAITING_PAYMENT: mark("Your payment is being confirmed"),
}
ON_ITS_WAY = mark("Your enlargement is on its way")
NOT_PAID_YET = mark("This order is not paid yet")
CANCELLED = mark("You cancelled this order")


@router.head("/jobs/{ticket}", include_in_schema=False)
@router.get("/jobs/{ticket}", response_class=HTMLResponse, responses=PAGE | refusals(404, 422, page=True))
def job_page(edge: Edge, request: Request, ticket: str, smi_payment: str = "") -> Response:
    """Where an order stands, in plain words; works without JavaScript."""
    view = status.find(edge, ticket)
    order = view.order
    with edge.database.transaction() as tx:
        rating = opinions.given(tx, order.ticket)
        correction = corrections.of_order(tx, order.ticket)
    language = language_of(request, order.locale)
    payment = payment_status(order.charged_cents, order.refunded_cents, disputed=order.disputed)
    values = {
        "language": language,
        "order": order,
        "rating": rating,
        "headline": _headline(order, language, cancelled=smi_payment == "cancelled"),
        "steps": _steps(order, language),
        "progress": progress(order, view.expected_s),
        "expected_at": estimated_completion(order, view.expected_s),
        "failure": failure(order, language),
        "payment": payment,
        "shown": f"{plugin_status(order)}/{payment}",
        "download_url": view.download_url,
        "previews": order.completed_at is not None and previews.exist(edge, ticket),
        "link": view.link,
        "renew_path": view.renew_path,
        "address": veiled(order.email),
        "may_cancel": cancellable(order),
        "may_correct": correction.possible,
        "asked": correction.asked and veiled(correction.asked),
        "refused": correction.refused,
        "refresh_s": REFRESH_S if order.under_way else None,
    }
    return page(request, "status.html", values)


@router.head("/", include_in_schema=False)
@router.get("/", include_in_schema=False)
def front(edge: Edge, request: Request) -> Response:
    return page(request, "front.html", {"shop_page": edge.settings.shop_page})


def veiled(address: str | None) -> str | None:
    """An address as its owner knows it again, and nobody else learns it: `a…@example.org`."""
    name, _, domain = (address or "").rpartition("@")
    return f"{name[0]}…@{domain}" if name else None


def _headline(order: Order, language: str, *, cancelled: bool) -> str:
    if order.status is Status.AWAITING_PAYMENT and cancelled:
        return translate(NOT_PAID_YET, language)
    if order.failure_reason == "cancelled" and order.status in {Status.FAILED, Status.REFUNDED}:
        return translate(CANCELLED, language)
    return translate(HEADLINES.get(order.status, ON_ITS_WAY), language)


def _steps(order: Order, language: str) -> list[Step]:
    """The way of the picture; what is not paid stands before the first step."""
    reached = customer_stage(order)
    now = -1 if order.paid_at is None else STAGES.index(reached) if reached in STAGES else -1
    if reached == "completed":
        now = len(STAGES)
    return [
        Step(name, translate(TITLES[name], language), "done" if at < now else "now" if at == now else "ahead")
        for at, name in enumerate(STAGES)
    ]
