"""The customer's view of an order, by its ticket: for the plugin's polling and for the status page."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from psycopg.rows import class_row

from common import disputed
from common.database import Transaction
from common.orders import BY_TICKET
from services.ingest.customer.progress import (
    DEFAULT_EXPECTED_S,
    Order,
    customer_stage,
    estimated_completion,
    failure,
    payment_status,
    plugin_status,
    progress,
)
from services.ingest.edge import Edge, Parts
from services.ingest.web.answers import JobStatus, refusals
from services.ingest.web.errors import ApiError
from services.ingest.web.templating import language_of

ENOUGH_HISTORY = 5
TICKET = re.compile("tk_[0-9a-f]{32}")

router = APIRouter(prefix="/wp-json/smi/v1", tags=["shop"])


@dataclass(frozen=True, slots=True)
class LatestLink:
    """A delivered order's newest link. `live`: it works. `rests`: not while the payment is disputed. `kept`: the file
    behind it is there.
    """

    job_id: UUID
    generation: int
    token_hash: bytes
    expires_at: datetime
    live: bool
    rests: bool
    kept: bool
    downloads: int


@dataclass(frozen=True, slots=True)
class View:
    """An order, how long such orders take (seconds), its newest link, and that link's address while it works.

    `renew_path`: where a fresh link is asked for, once that one is over and the picture is still kept.
    """

    order: Order
    expected_s: float
    link: LatestLink | None
    download_url: str | None
    renew_path: str | None = None


@router.get(
    "/job-status/{ticket}", response_model=JobStatus, response_model_exclude_none=True, responses=refusals(404, 422)
)
def job_status(edge: Edge, request: Request, ticket: str) -> dict[str, Any]:
    """How far the order is. What has no value is left out."""
    view = find(edge, ticket)
    order = view.order
    expected_at = estimated_completion(order, view.expected_s)
    data = {
        "job_id": order.ticket,
        "status": plugin_status(order),
        "payment_status": payment_status(order.charged_cents, order.refunded_cents, disputed=order.disputed),
        "resolution": f"{order.factor}x",
        "created_at": order.created_at.isoformat(),
        "stage": customer_stage(order),
        "progress": progress(order, view.expected_s),
        "estimated_completion": expected_at.isoformat() if expected_at else None,
        "failure": failure(order, language_of(request, order.locale)),
        "download_url": view.download_url,
    }
    return {"success": True, "data": {name: value for name, value in data.items() if value is not None}}


def find(edge: Parts, ticket: str) -> View:
    """Look the order up. Raises ApiError 404: operational ids are no tickets."""
    with edge.database.transaction() as tx:
        known = {"ticket": ticket if TICKET.fullmatch(ticket) else ""}
        order = tx.cursor(row_factory=class_row(Order)).execute(_ORDER, known).fetchone()
        if order is None:
            raise ApiError(404, "unknown_order", "We do not know this order.")
        expected_s = _expected_s(tx, order) if order.paid_at and order.under_way else DEFAULT_EXPECTED_S
        link = _latest_link(tx, ticket) if order.completed_at else None
        token = _token(edge, link) if link and link.kept else None
        works = bool(link and link.live)
        renewable = bool(link and not link.live and not link.rests and order.email)
        return View(
            order,
            expected_s,
            link,
            f"{edge.settings.public_url}/d/{token}" if token and works else None,
            f"/d/{token}/renew" if token and renewable else None,
        )


def _expected_s(tx: Transaction, order: Order) -> float:
    """Median seconds from payment to delivery of similar sizes, among what was done before this one was paid.

    That keeps it the same for the whole life of the order: progress cannot run backwards.
    """
    row = tx.execute(
        """SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY took_s)
           FROM (SELECT extract(epoch FROM completed_at - paid_at)::float8 AS took_s,
                        source_width::bigint * source_height * factor * factor AS pixels
                 FROM jobs WHERE completed_at < %(paid_at)s AND NOT canary ORDER BY completed_at DESC LIMIT 200) done
           WHERE pixels BETWEEN %(pixels)s / 2 AND %(pixels)s * 2""",
        {"paid_at": order.paid_at, "pixels": order.source_width * order.source_height * order.factor**2},
    ).fetchone()
    return max(float(row[1]), 1.0) if row and row[0] >= ENOUGH_HISTORY else DEFAULT_EXPECTED_S


def _latest_link(tx: Transaction, ticket: str) -> LatestLink | None:
    return (
        tx.cursor(row_factory=class_row(LatestLink))
        .execute(
            f"""SELECT l.job_id, l.generation, l.token_hash, l.expires_at, l.downloads,
                      l.revoked_at IS NULL AND l.expires_at > now()
                          AND NOT {disputed.freezes("l.job_id")} AS live,
                      {disputed.freezes("l.job_id")} AS rests,
                      EXISTS (SELECT 1 FROM deliveries d WHERE d.job_id = l.job_id AND d.stored_at IS NOT NULL
                              AND d.removed_at IS NULL) AS kept
               FROM links l WHERE l.job_id = {BY_TICKET} ORDER BY l.generation DESC LIMIT 1""",
            {"ticket": ticket},
        )
        .fetchone()
    )


def _token(edge: Parts, link: LatestLink) -> str | None:
    return edge.signer.find_download_token(link.job_id, link.generation, bytes(link.token_hash))


_ORDER = f"""
    SELECT j.ticket, j.status, j.stage, j.created_at, j.paid_at, j.completed_at, j.promise_at, j.failure_reason,
           j.charged_cents, j.refunded_cents, j.amount_cents, j.currency, j.factor, j.source_width, j.source_height,
           j.hold_reason IS NOT NULL AS held, j.checkout_url, now() AS now, e.watch_at, e.fetch_at,
           j.email, j.locale,
           NOT EXISTS (SELECT 1 FROM attempts a WHERE a.job_id = j.job_id AND a.state <> 'waiting') AS untouched,
           {disputed.counts("j.job_id")} AS disputed
    FROM jobs j
    LEFT JOIN LATERAL (
        SELECT min(at) FILTER (WHERE to_stage = 'watch') AS watch_at,
               min(at) FILTER (WHERE to_stage = 'fetch') AS fetch_at
        FROM job_events WHERE job_id = j.job_id
    ) e ON true
    WHERE j.job_id = {BY_TICKET}
"""
