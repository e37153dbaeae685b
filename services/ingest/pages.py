"""The pages that people see: an order's status, and the site's own front."""

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from common.stages import Status
from services.ingest import status
from services.ingest.edge import Edge
from services.ingest.progress import (
    Order,
    customer_stage,
    estimated_completion,
    failure,
    payment_status,
    plugin_status,
    progress,
)
from services.ingest.templating import page

REFRESH_S = 5
STAGES = ("paid", "queued", "processing", "finishing", "completed")

router = APIRouter(tags=["customer"])


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the stage list; `state` is done, now or ahead."""

    name: str
    title: str
    state: str


TITLES = {
    "paid": "Paid",
    "queued": "In the queue",
    "processing": "Being enlarged",
    "finishing": "Checked and stored",
    "completed": "Ready to download",
}


@router.head("/jobs/{ticket}", include_in_schema=False)
@router.get("/jobs/{ticket}")
def job_page(edge: Edge, request: Request, ticket: str, smi_payment: str = "") -> Response:
    """Where an order stands, in plain words; works without JavaScript."""
    view = status.find(edge, ticket)
    order = view.order
    payment = payment_status(order.charged_cents, order.refunded_cents)
    values = {
        "order": order,
        "headline": _headline(order, cancelled=smi_payment == "cancelled"),
        "steps": _steps(order),
        "progress": progress(order, view.expected_s),
        "expected_at": estimated_completion(order, view.expected_s),
        "failure": failure(order),
        "payment": payment,
        "shown": f"{plugin_status(order)}/{payment}",
        "download_url": view.download_url,
        "refresh_s": REFRESH_S if order.under_way else None,
    }
    return page(request, "status.html", values)


@router.head("/", include_in_schema=False)
@router.get("/", include_in_schema=False)
def front(request: Request) -> Response:
    return page(request, "front.html", {})


def _headline(order: Order, *, cancelled: bool) -> str:
    match order.status:
        case Status.AWAITING_PAYMENT:
            return "This order is not paid yet" if cancelled else "Your payment is being confirmed"
        case Status.COMPLETED:
            return "Your enlargement is ready"
        case Status.FAILED:
            return "This one did not work"
        case Status.REFUNDED:
            return "Refunded"
        case Status.ABANDONED:
            return "This order was not paid"
    return "Your enlargement is on its way"


def _steps(order: Order) -> list[Step]:
    """The way of the picture; what is not paid stands before the first step."""
    reached = customer_stage(order)
    now = -1 if order.paid_at is None else STAGES.index(reached) if reached in STAGES else -1
    if reached == "completed":
        now = len(STAGES)
    return [
        Step(name, TITLES[name], "done" if at < now else "now" if at == now else "ahead")
        for at, name in enumerate(STAGES)
    ]
