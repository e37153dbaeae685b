"""The merchant API: orders by program, with the bearer token of `ADMIN_TOKEN`."""

import tempfile
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends
from psycopg.rows import dict_row
from pydantic import BaseModel, ConfigDict, Field

from common import disputed
from common.database import Transaction
from common.language import negotiate
from common.orders import BY_TICKET
from common.outbound import Limits, Refused, Unreached
from services.ingest.customer.progress import payment_status
from services.ingest.customer.status import TICKET
from services.ingest.edge import Edge, Parts
from services.ingest.selling import pictures
from services.ingest.selling.pictures import Looked
from services.ingest.selling.prices import offer_for
from services.ingest.selling.quotes import dollars
from services.ingest.selling.sales import MAX_RETURN_URL, Buyer, Source, open_order
from services.ingest.web.answers import Opened, refusals
from services.ingest.web.errors import ApiError
from services.ingest.web.forms import Email, Locale, Resolution
from services.ingest.web.tokens import merchant

SOURCE_LIMITS = Limits(max_bytes=50_000_000, deadline_s=25.0)


router = APIRouter(prefix="/v1/orders", tags=["merchant"], dependencies=[Depends(merchant)])


class NewOrder(BaseModel):
    """An enlargement of the picture at `image_url`, whose host must be in SOURCE_HOSTS."""

    model_config = ConfigDict(extra="forbid")
    image_url: str = Field(pattern=r"^https?://[!-~]+$", max_length=4096)
    resolution: Resolution
    email: Email = None
    locale: Locale = None
    return_url: str | None = Field(default=None, pattern=r"^https?://[!-~]+$", max_length=MAX_RETURN_URL)


@router.post("", status_code=201, response_model=Opened, responses=refusals(401, 422, 502))
def create_order(edge: Edge, order: NewOrder) -> dict[str, Any]:
    """Make an order; its customer pays at `checkout_url`. `job_id` is the operational id."""
    looked = _look(edge, order.image_url)
    offer = offer_for(edge, looked.width, looked.height, order.resolution)
    source = Source("url", order.image_url, looked.width, looked.height)
    opened = open_order(edge, source, offer, Buyer(order.email, order.return_url, negotiate(order.locale)))
    return {
        "job_id": str(opened.job_id),
        "checkout_url": opened.checkout_url,
        "amount": dollars(offer.price_cents),
        "currency": edge.settings.currency,
        "status_url": f"{edge.settings.public_url}/jobs/{opened.ticket}",
    }


@router.get("/{job_id}", responses=refusals(401, 404, 422))
def read_order(edge: Edge, job_id: str) -> dict[str, Any]:
    """An order with all that is on record: history, attempts, deliveries, refunds. Takes either id."""
    with edge.database.transaction() as tx:
        found = _rows(tx, _ORDER, _key(job_id))
        if not found:
            raise ApiError(404, "unknown_order", "We do not know this order.")
        order, key = found[0], {"job": found[0]["job_id"]}
        lists = {name: _rows(tx, statement, key) for name, statement in _LISTS.items()}
    return {
        **order,
        "payment_status": payment_status(order["charged_cents"], order["refunded_cents"], disputed=order["disputed"]),
        "status_url": f"{edge.settings.public_url}/jobs/{order['ticket']}",
        **lists,
    }


def _look(edge: Parts, url: str) -> Looked:
    """Fetch the picture to know its size. Raises ApiError 422, 503."""
    with tempfile.TemporaryFile() as file:
        verdict = edge.sources.fetch(url, file, SOURCE_LIMITS)
        if isinstance(verdict, Unreached):
            raise ApiError(503, "picture_unreachable", f"The picture cannot be fetched just now: {verdict.reason}.")
        if isinstance(verdict, Refused):
            raise ApiError(422, "picture_refused", f"The picture is not taken: {verdict.reason}.")
        file.seek(0)
        looked = edge.viewer.look(file)
    if isinstance(looked, pictures.Unfit):
        raise ApiError(422, "unfit_picture", looked.why)
    return looked


def _rows(tx: Transaction, statement: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    return tx.cursor(row_factory=dict_row).execute(statement, values).fetchall()


def _key(text: str) -> dict[str, Any]:
    """Which order is meant: by its ticket or by its operational id."""
    if TICKET.fullmatch(text):
        return {"ticket": text, "job": None}
    try:
        return {"ticket": None, "job": UUID(text)}
    except ValueError:
        return {"ticket": None, "job": None}


_ORDER = f"""
    SELECT job_id, ticket, status, stage, version, attempt, tries, wake_at, promise_at, hold_reason, review_at,
           failure_reason, failure_detail, created_at, paid_at, completed_at, failed_at, settled_at, source_kind,
           source_url, attachment_id, post_id, source_width, source_height, factor, amount_cents, currency, credits,
           cost_cents, session_id, payment_intent, charged_cents, refunded_cents, email,
           {disputed.counts("jobs.job_id")} AS disputed
    FROM jobs WHERE job_id = COALESCE(%(job)s, {BY_TICKET})
"""
_LISTS = {
    "history": """SELECT at, actor, kind, from_stage, to_stage, detail FROM job_events
                  WHERE job_id = %(job)s ORDER BY event_id""",
    "attempts": """SELECT attempt, state, claim_no, submitted_at, answered_at, ended_at, hinted_at, provider_id,
                          provider_status, credits, error, admin_override
                   FROM attempts WHERE job_id = %(job)s ORDER BY attempt""",
    "deliveries": """SELECT attempt, claim_no, file_key, file_size, sha256, media_type, width, height, stored_at,
                            removed_at
                     FROM deliveries WHERE job_id = %(job)s ORDER BY attempt, claim_no""",
    "refunds": """SELECT refund_id, number, state, amount_cents, reason, stripe_refund, error, created_at, answered_at
                  FROM refunds WHERE job_id = %(job)s ORDER BY number""",
    "attention": """SELECT reason, detail, opened_at, closed_at FROM attention
                    WHERE job_id = %(job)s ORDER BY attention_id""",
}
