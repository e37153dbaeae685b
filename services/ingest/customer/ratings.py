"""What customers think of their enlargement: 1 to 5 stars and a comment, from the order's page or the mail's.

Looking changes nothing, since mail scanners look too: a rating is a POST. The last one counts.
"""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse

from common.language import mark
from common.orders import BY_TICKET
from common.signing import hash_token
from services.ingest.customer import opinions
from services.ingest.customer.downloads import TOKEN
from services.ingest.customer.opinions import MAX_COMMENT, Rating
from services.ingest.customer.status import TICKET
from services.ingest.edge import Edge, Parts
from services.ingest.metrics import RATINGS
from services.ingest.web.answers import refusals
from services.ingest.web.errors import ApiError

TOO_EARLY = mark("Only a finished order can be rated.")
UNKNOWN = mark("We do not know this order.")

REFUSALS = refusals(404, 409, 422, page=True)

router = APIRouter(tags=["customer"])
Stars = Annotated[int, Form(ge=1, le=5)]
Comment = Annotated[str, Form(max_length=MAX_COMMENT)]


@router.post("/jobs/{ticket}/rating", status_code=303, response_class=Response, responses=REFUSALS)
def rate_order(edge: Edge, ticket: str, stars: Stars, comment: Comment = "") -> Response:
    """Rate the order, from its page."""
    known = {"ticket": ticket if TICKET.fullmatch(ticket) else ""}
    _rate(edge, f"SELECT job_id, completed_at FROM jobs WHERE job_id = {BY_TICKET}", known, Rating(stars, comment))
    return RedirectResponse(f"/jobs/{ticket}", 303)


@router.post("/d/{token}/rating", status_code=303, response_class=Response, responses=REFUSALS)
def rate_download(edge: Edge, token: str, stars: Stars, comment: Comment = "") -> Response:
    """Rate the order, from the page that the mail leads to."""
    known = {"hash": hash_token(token if TOKEN.fullmatch(token) else "")}
    _rate(
        edge,
        "SELECT j.job_id, j.completed_at FROM links l JOIN jobs j USING (job_id) WHERE l.token_hash = %(hash)s",
        known,
        Rating(stars, comment),
    )
    return RedirectResponse(f"/d/{token}", 303)


def _rate(edge: Parts, statement: str, key: Mapping[str, str | bytes], rating: Rating) -> None:
    with edge.database.transaction() as tx:
        row = tx.execute(statement.encode(), key).fetchone()
        if row is None:
            raise ApiError(404, "unknown_order", UNKNOWN)
        if row[1] is None:
            raise ApiError(409, "too_early", TOO_EARLY)
        new = opinions.write(tx, row[0], rating)
    if new:
        RATINGS.labels(str(rating.stars)).inc()
