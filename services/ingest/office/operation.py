"""What runs and what does not: pauses, workers, the provider's breaker, and what a brake of ours holds."""

from uuid import uuid4

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from common import brake, breaker, budget, switches
from common.admin import breaking, counting, crowds, pausing, reading
from services.ingest.edge import Edge
from services.ingest.office.gate import Form, Signed
from services.ingest.office.rendering import PREFIX, page
from services.ingest.web.errors import ApiError

OURS = (brake.HOLD, budget.HOLD)  # held by a rule: released together
HOME = f"{PREFIX}/operation"

router = APIRouter()


@router.get("/operation")
def operation(edge: Edge, request: Request, _session: Signed) -> Response:
    with edge.database.transaction() as tx:
        workers = reading.workers(tx)
        values = {
            "pauses": switches.paused(tx),
            "workers": workers,
            "breaker": breaker.read(tx),
            "held": counting.held(tx),
            "decisions": reading.decisions(tx),
            "ours": OURS,
        }
    lanes = [lane for worker in workers for lane in worker["lanes"]]
    names = list(dict.fromkeys(["all", "clock", *pausing.SERVICES, *lanes]))
    return page(request, "office_operation.html", values | {"names": names})


@router.post("/operation/pause")
def pause(edge: Edge, posted: Form) -> Response:
    with edge.database.transaction() as tx:
        pausing.pause(tx, posted.text("what"), posted.decision)
    return RedirectResponse(HOME, 303)


@router.post("/operation/resume")
def resume(edge: Edge, posted: Form) -> Response:
    with edge.database.transaction() as tx:
        pausing.resume(tx, posted.text("what"), posted.decision)
    return RedirectResponse(HOME, 303)


@router.post("/operation/breaker")
def close_breaker(edge: Edge, posted: Form) -> Response:
    """What was wrong at the provider is mended: orders go at once."""
    with edge.database.transaction() as tx:
        breaking.close(tx, posted.decision)
    return RedirectResponse(HOME, 303)


@router.get("/operation/release/{reason}")
def ask(edge: Edge, request: Request, _session: Signed, reason: str) -> Response:
    """How many orders would go on."""
    count = crowds.held_for(edge.desk, _of_ours(reason))
    return page(request, "office_release.html", {"reason": reason, "count": count, "once": str(uuid4())})


@router.post("/operation/release/{reason}")
def release(edge: Edge, posted: Form, reason: str) -> Response:
    """All that this rule holds, oldest promise first."""
    crowds.held_for(edge.desk, _of_ours(reason))
    for _batch in crowds.release_all(edge.desk, reason, posted.decision):
        pass
    return RedirectResponse(HOME, 303)


def _of_ours(reason: str) -> str:
    if reason not in OURS:
        raise ApiError(404, "not_found", "There is nothing at this address.")
    return reason
