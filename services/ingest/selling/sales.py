"""Making an order: the row first, then Stripe's payment page, then its id on the row (promise 2)."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from uuid import UUID

import structlog
from uuid_utils import compat

from common import crash, jobs, orders, tracing
from common.language import mark
from common.outcomes import Move
from common.stages import Stage, Status
from services.ingest.edge import ACTOR, Parts
from services.ingest.metrics import CHECKOUTS, NOT_SOLD
from services.ingest.money.stripe import Purchase, Session, StripeAwayError, StripeRefusedError
from services.ingest.money.witness import OUR_PARAMETERS, record_of
from services.ingest.selling.outlook import RETRY_AFTER_S, TOLD
from services.ingest.selling.quotes import Quote
from services.ingest.settings import origin_of
from services.ingest.web.errors import ApiError

MAX_RETURN_URL = 2000
URL = re.compile(f"[!-~]{{1,{MAX_RETURN_URL}}}")
NO_PAGE = mark("The payment page could not be opened. Nothing was charged; please try again in a moment.")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Source:
    """Whose picture it is: `kind` as in the jobs table, `url` as the submitter reads it."""

    kind: str
    url: str
    width: int
    height: int
    upload_id: str | None = None
    attachment_id: int | None = None
    post_id: int | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """An order that waits for its payment."""

    job_id: UUID
    ticket: str
    checkout_url: str


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who orders: the address, if it is known already, the page to return to, and the language of mails."""

    email: str | None
    return_url: str | None
    locale: str = "en"


def open_order(edge: Parts, source: Source, offer: Quote, buyer: Buyer) -> Opened:
    """Make the order and its payment page.

    Raises ApiError 502 when Stripe gives none: then the job is abandoned; 503 for what could not be delivered in time.
    """
    _ensure_deliverable(edge, source, offer)
    job_id = compat.uuid7()
    ticket = orders.new_ticket()
    goes_to = buyer.return_url or f"{edge.settings.public_url}/jobs/{ticket}"
    order = orders.Order(
        job_id=job_id,
        ticket=ticket,
        source_kind=source.kind,
        source_url=source.url,
        source_width=source.width,
        source_height=source.height,
        factor=offer.factor,
        amount_cents=offer.price_cents,
        currency=edge.settings.currency,
        credits=offer.credits,
        cost_cents=offer.cost_cents,
        markup_percent=offer.markup_percent,
        return_url=goes_to,
        email=buyer.email,
        locale=buyer.locale,
        upload_id=source.upload_id,
        attachment_id=source.attachment_id,
        post_id=source.post_id,
        traceparent=tracing.current.get() or tracing.begun(),
    )
    with edge.database.transaction() as tx:
        orders.create(tx, edge.plans, ACTOR, order)
    session = _payment_page(edge, order)
    with edge.database.transaction() as tx:
        orders.record_session(tx, ACTOR, job_id, session.session_id, session.url)
    CHECKOUTS.labels(source.kind, "opened").inc()
    log.info("checkout.opened", job_id=str(job_id), kind=source.kind, amount_cents=offer.price_cents)
    return Opened(job_id, ticket, session.url or "")


def _ensure_deliverable(edge: Parts, source: Source, offer: Quote) -> None:
    obstacle = edge.outlook.obstacle(offer.credits)
    if obstacle:
        NOT_SOLD.labels(obstacle.value).inc()
        log.warning("checkout.not_sold", kind=source.kind, obstacle=obstacle.value, credits=offer.credits)
        raise ApiError(503, "not_deliverable_in_time", TOLD[obstacle], {"Retry-After": str(RETRY_AFTER_S)})


def return_page(edge: Parts, referer: str | None) -> str | None:
    """The page that the customer came from, when it is one of the shop's; no one else's, so no open redirect."""
    if referer and URL.fullmatch(referer) and origin_of(referer) in edge.settings.origins:
        return referer
    return None


def with_parameters(url: str, outcome: str, ticket: str) -> str:
    """The return URL with what the plugin reads from it; Stripe fills in the session's id."""
    parts = urlsplit(url)
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in OUR_PARAMETERS]
    query = urlencode([*kept, ("smi_payment", outcome)])
    return urlunsplit(
        (
            parts.scheme,
            parts.netloc,
            parts.path or "/",
            f"{query}&session_id={{CHECKOUT_SESSION_ID}}&job_id={ticket}",
            "",
        )
    )


def _payment_page(edge: Parts, order: orders.Order) -> Session:
    purchase = Purchase(
        title=f"{order.factor}x enlargement, {order.source_width * order.factor} x "
        f"{order.source_height * order.factor} pixels",
        amount_cents=order.amount_cents,
        currency=order.currency,
        metadata={"job_id": str(order.job_id), "resolution": f"{order.factor}x", "source": "enlarger"},
        success_url=with_parameters(order.return_url, "success", order.ticket),
        cancel_url=with_parameters(order.return_url, "cancelled", order.ticket),
        email=order.email,
        idempotency_key=f"checkout:{order.job_id}",
        record=record_of(order),
    )
    try:
        crash.point("before_checkout")
        session = edge.stripe.open_session(purchase)
        crash.point("after_checkout")
    except (StripeAwayError, StripeRefusedError) as error:
        log.warning("checkout.no_page", job_id=str(order.job_id), error=str(error))
        CHECKOUTS.labels(order.source_kind, type(error).__name__).inc()
        _abandon(edge, order.job_id)
        raise ApiError(502, "payment_page_unavailable", NO_PAGE) from error
    if not session.url:
        raise ApiError(502, "payment_page_unavailable", NO_PAGE)
    return session


def _abandon(edge: Parts, job_id: UUID) -> None:
    with edge.database.transaction() as tx:
        job = jobs.lock(tx, [job_id])[job_id]
        if job.stage is Stage.CHECKOUT:
            gone = Move(Stage.SETTLED, "abandoned", {"reason": "no payment page"}, status=Status.ABANDONED)
            jobs.apply(tx, edge.plans, ACTOR, [(job, gone)])
