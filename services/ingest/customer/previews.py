"""Before and after, small: the pictures on an order's page. The ticket in the address is the right to see them."""

from fastapi import APIRouter, Request, Response

from common.database import Transaction
from common.language import mark
from common.orders import BY_TICKET
from services.ingest.customer.status import TICKET
from services.ingest.edge import Edge, Parts
from services.ingest.web.answers import PICTURE, refusals
from services.ingest.web.errors import ApiError
from services.ingest.web.files import StoredFile, serve

SHOWN = {200: PICTURE, 206: PICTURE, **refusals(404, 416, 422, page=True)}
router = APIRouter(tags=["customer"])


@router.head("/jobs/{ticket}/before", include_in_schema=False)
@router.get("/jobs/{ticket}/before", response_class=Response, responses=SHOWN)
def before(edge: Edge, request: Request, ticket: str) -> Response:
    """The reduced copy of the source."""
    return _show(edge, request, ticket, "before")


@router.head("/jobs/{ticket}/after", include_in_schema=False)
@router.get("/jobs/{ticket}/after", response_class=Response, responses=SHOWN)
def after(edge: Edge, request: Request, ticket: str) -> Response:
    """The reduced copy of the result, never the result."""
    return _show(edge, request, ticket, "after")


def exist(edge: Parts, ticket: str) -> bool:
    """Whether both pictures of an order are there."""
    with edge.database.transaction() as tx:
        return all(_key(tx, ticket, which) for which in _KEYS)


def _show(edge: Edge, request: Request, ticket: str, which: str) -> Response:
    with edge.database.transaction() as tx:
        key = _key(tx, ticket, which) if TICKET.fullmatch(ticket) else None
    if key is None:
        raise ApiError(404, "no_preview", mark("There is nothing at this address."))
    size = edge.storage.read(key, 0, 0).size
    return serve(edge, request, StoredFile(key, size, "image/png" if which == "before" else "image/jpeg"))


def _key(tx: Transaction, ticket: str, which: str) -> str | None:
    row = tx.execute(_KEYS[which], {"ticket": ticket}).fetchone()
    return str(row[0]) if row else None


_KEYS = {
    "before": f"""
        SELECT s.reference_key FROM sources s JOIN jobs j USING (job_id)
        WHERE j.job_id = {BY_TICKET} AND s.looked_at IS NOT NULL AND s.unfit IS NULL AND s.removed_at IS NULL
          AND j.completed_at IS NOT NULL AND j.status = 'completed'""",
    "after": f"""
        SELECT replace(d.file_key, 'results/', 'previews/') FROM deliveries d JOIN jobs j USING (job_id)
        WHERE j.job_id = {BY_TICKET} AND d.stored_at IS NOT NULL AND d.removed_at IS NULL
          AND d.preview_size IS NOT NULL AND j.completed_at IS NOT NULL AND j.status = 'completed'
        ORDER BY d.stored_at DESC LIMIT 1""",
}
