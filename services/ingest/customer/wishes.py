"""What a customer may ask of an order. The ticket in the address is the right to ask: nobody else has it."""

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from common import attempts, jobs
from common.attempts import AttemptState
from common.database import Transaction
from common.failures import failed
from common.jobs import Job
from common.language import mark
from common.outcomes import Move
from common.stages import Stage, Status
from services.ingest.customer.status import TICKET
from services.ingest.edge import ACTOR, Edge
from services.ingest.web.answers import refusals
from services.ingest.web.errors import ApiError

TOO_LATE = mark("Work on this order has begun, so it cannot be cancelled any more. It will be delivered or refunded.")
UNKNOWN = mark("We do not know this order.")

router = APIRouter(tags=["customer"])


@router.post(
    "/jobs/{ticket}/cancel", status_code=303, response_class=Response, responses=refusals(404, 409, 422, page=True)
)
def cancel(edge: Edge, ticket: str) -> Response:
    """Give the order up and have it refunded, while nothing was handed to the provider. Asked twice, it is one wish."""
    with edge.database.transaction() as tx:
        job = locked(tx, ticket)
        move = None if job.failure_reason == "cancelled" else _cancelled(tx, job)
        if move:
            jobs.apply(tx, edge.plans, ACTOR, [(job, move)])
    if move:
        edge.publisher.publish(move.emit)
    return to_order(ticket)


def locked(tx: Transaction, ticket: str) -> Job:
    """The order's row, locked: a lane that holds it finishes first. Raises ApiError 404."""
    if not TICKET.fullmatch(ticket):
        raise ApiError(404, "unknown_order", UNKNOWN)
    row = tx.execute("SELECT job_id FROM order_keys WHERE ticket = %(ticket)s", {"ticket": ticket}).fetchone()
    if row is None:
        raise ApiError(404, "unknown_order", UNKNOWN)
    return jobs.lock(tx, [row[0]])[row[0]]


def to_order(ticket: str) -> Response:
    """Back to the order's page, which shows what has become of the wish; loading it again asks nothing again."""
    return RedirectResponse(f"/jobs/{ticket}", 303)


def _cancelled(tx: Transaction, job: Job) -> Move:
    """The job fails by its customer's wish. A claimed attempt may be on its way to the provider: too late."""
    tried = attempts.of_jobs(tx, [job.job_id])[job.job_id]
    untouched = all(attempt.state == AttemptState.WAITING for attempt in tried)
    if job.status is not Status.PENDING or job.stage is not Stage.SUBMIT or job.held or not untouched:
        raise ApiError(409, "too_late", TOO_LATE)
    return failed(job, "cancelled", "the customer's wish")
