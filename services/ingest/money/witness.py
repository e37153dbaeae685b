"""Stripe as the witness of what was ordered: enough stands on a payment page to make its order anew after a restore.

The page's metadata holds it beside the three fields of contracts.md; the customer's ticket and the page to return to
stand in its success URL.
"""

import json
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from uuid import UUID

from common.orders import Order
from services.ingest.money.stripe import Session

MOST_CHARACTERS = 500  # of one value: https://docs.stripe.com/metadata
OUR_PARAMETERS = {"smi_payment", "session_id", "job_id"}


def record_of(order: Order) -> dict[str, str]:
    """What the payment page remembers; an address that is too long for it is left out, and its order with it."""
    if len(order.source_url) > MOST_CHARACTERS:
        return {}
    told = {
        "kind": order.source_kind,
        "size": [order.source_width, order.source_height],
        "credits": order.credits,
        "cost_cents": order.cost_cents,
        "markup_percent": str(order.markup_percent),
        "upload": order.upload_id,
        "attachment": order.attachment_id,
        "post": order.post_id,
        "locale": order.locale,
    }
    return {"picture": order.source_url, "order": json.dumps({k: v for k, v in told.items() if v is not None})}


def is_ours(session: Session) -> bool:
    return session.metadata.get("source") == "enlarger"


def job_of(session: Session) -> UUID | None:
    """The job that the page was opened for."""
    try:
        return UUID(session.metadata.get("job_id", ""))
    except ValueError:
        return None


def order_of(session: Session) -> Order | None:
    """The order that the page was opened for; None when not all of it stands there."""
    job_id, parts = job_of(session), urlsplit(session.success_url or "")
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    ticket = dict(pairs).get("job_id")
    kept = urlencode([pair for pair in pairs if pair[0] not in OUR_PARAMETERS])
    if job_id is None or not ticket or session.amount_cents is None or not session.currency:
        return None
    try:
        told: dict[str, Any] = json.loads(session.metadata["order"])
        return Order(
            job_id=job_id,
            ticket=ticket,
            source_kind=told["kind"],
            source_url=session.metadata["picture"],
            source_width=int(told["size"][0]),
            source_height=int(told["size"][1]),
            factor=int(session.metadata["resolution"].removesuffix("x")),
            amount_cents=session.amount_cents,
            currency=session.currency,
            credits=int(told["credits"]),
            cost_cents=int(told["cost_cents"]),
            markup_percent=Decimal(told["markup_percent"]),
            return_url=urlunsplit((parts.scheme, parts.netloc, parts.path, kept, "")),
            email=session.email,
            upload_id=told.get("upload"),
            attachment_id=told.get("attachment"),
            post_id=told.get("post"),
            locale=told.get("locale", "en"),
        )
    except (KeyError, IndexError, TypeError, ValueError, InvalidOperation):
        return None
