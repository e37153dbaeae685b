"""A mistyped address, corrected from the order's page and confirmed from the new one, while nothing was downloaded.

The mail to the new address names neither the order's page nor its picture: it may be mistyped again. Opening its link
changes nothing; the button behind it does (docs/decisions/0024).
"""

from typing import Annotated

import structlog
from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from common import jobs, orders
from common.admin.audit import Decision
from common.admin.desk import Yes
from common.admin.verbs import Email, Extend
from common.database import Transaction
from common.jobs import Job
from common.language import mark
from common.outcomes import Move
from services.ingest.customer import corrections, wishes
from services.ingest.customer.corrections import Wish
from services.ingest.customer.downloads import TOKEN
from services.ingest.customer.pages import veiled
from services.ingest.customer.renewals import ACTOR
from services.ingest.edge import Edge, Parts
from services.ingest.web.answers import PAGE, refusals
from services.ingest.web.errors import ApiError
from services.ingest.web.forms import Address
from services.ingest.web.templating import page

MOST_A_DAY = 5
DAY_S = 86_400.0
TOO_OFTEN = mark("The address was changed often enough for today. Please try again tomorrow, or write to us.")
TOO_LATE = mark("The address of this order cannot be changed any more.")
UNKNOWN = mark("This link is not known, or another one has taken its place.")
OVER = mark("The time of this link is over. Please ask for a new one.")

router = APIRouter(tags=["customer"])
log = structlog.get_logger()


@router.post(
    "/jobs/{ticket}/address", status_code=303, response_class=Response, responses=refusals(404, 409, 422, page=True)
)
def ask(edge: Edge, ticket: str, email: Annotated[Address, Form()]) -> Response:
    """Have a mail sent to the new address: the order's own changes when its link is confirmed."""
    with edge.database.transaction() as tx:
        job = wishes.locked(tx, ticket)
        if not corrections.possible(tx, job.job_id):
            raise ApiError(409, "too_late", TOO_LATE)
        if job.email != email:
            _ask(tx, edge, job, email)
    return wishes.to_order(ticket)


@router.head("/address/{token}", include_in_schema=False)
@router.get("/address/{token}", response_class=HTMLResponse, responses=PAGE | refusals(404, 410, 422, page=True))
def confirmation(edge: Edge, request: Request, token: str) -> Response:
    """The page that the mail to the new address leads to."""
    with edge.database.transaction() as tx:
        wish = _wish(tx, token)
    values = {"token": token, "address": veiled(wish.address), "confirmed": wish.confirmed}
    return page(request, "address.html", values)


@router.post("/address/{token}", status_code=303, response_class=Response, responses=refusals(404, 409, 410, page=True))
def confirm(edge: Edge, token: str) -> Response:
    """From now on the order's mails go there; what was mailed elsewhere ends. Pressed twice, it is one wish."""
    with edge.database.transaction() as tx:
        job = jobs.lock(tx, [_wish(tx, token).job_id]).popitem()[1]
        wish = _wish(tx, token)  # as it is now that nobody else decides about it
        if wish.confirmed:
            return RedirectResponse(f"/address/{token}", 303)
        if not corrections.possible(tx, job.job_id):
            raise ApiError(409, "too_late", TOO_LATE)
        move = _move(edge, tx, job, wish)
        jobs.apply(tx, edge.plans, ACTOR, [(job, move)])
        ticket = orders.renew_ticket(tx, job.job_id) if corrections.was_mailed(tx, job.job_id) else job.ticket
        corrections.confirm(tx, wish)
    log.info("address.confirmed", job_id=str(job.job_id))
    event = jobs.event_for(job._replace(stage=move.to), edge.plans)
    if event:
        edge.publisher.publish([event])
    return wishes.to_order(ticket)


def _ask(tx: Transaction, edge: Parts, job: Job, address: str) -> None:
    """Raises ApiError 429: each wish is a mail to an address that nobody has confirmed yet."""
    number, today = corrections.counted(tx, job.job_id, DAY_S)
    if today >= MOST_A_DAY:
        raise ApiError(429, "too_many_requests", TOO_OFTEN, {"Retry-After": str(int(DAY_S))})
    token = edge.signer.sign(corrections.DOMAIN, job.job_id, number + 1)
    corrections.write(tx, Wish(job.job_id, number + 1, address), token, DAY_S)
    log.info("address.asked", job_id=str(job.job_id), number=number + 1)


def _move(edge: Parts, tx: Transaction, job: Job, wish: Wish) -> Move:
    """A delivered order gets a new link, and the older ones end; any other one is just written to elsewhere."""
    hers = job._replace(email=wish.address)
    link = Extend().decide(tx, hers, Decision(ACTOR), edge.desk.tools)
    answer = link if isinstance(link, Yes) else Email(wish.address).decide(tx, job, Decision(ACTOR), edge.desk.tools)
    if not isinstance(answer, Yes) or not isinstance(answer.change, Move):
        raise ApiError(409, "too_late", TOO_LATE)
    return answer.change._replace(kind="address_confirmed", detail={"number": wish.number}, email=wish.address)


def _wish(tx: Transaction, token: str) -> Wish:
    """Raises ApiError: 404 unknown, or not the newest; 410 its time is over."""
    wish = corrections.find(tx, token) if TOKEN.fullmatch(token) else None
    if wish is None:
        raise ApiError(404, "unknown_link", UNKNOWN)
    if not wish.live and not wish.confirmed:
        raise ApiError(410, "link_expired", OVER)
    return wish
