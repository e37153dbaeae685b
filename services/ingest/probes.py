"""Whether this process works and its servers are there. Its numbers are for METRICS_PORT alone, not for the public."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from services.ingest.edge import Edge
from services.ingest.web.answers import refusals

router = APIRouter(tags=["operations"])


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", responses=refusals())
def healthz() -> dict[str, str]:
    """It answers, so it works."""
    return {"status": "ok"}


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", responses={503: {"description": "the database is away"}})
def readyz(edge: Edge) -> Response:
    """503 without the database. Without the broker payments are still taken: the clock publishes them later."""
    database = edge.database.alive()
    body = {"database": database, "broker": edge.publisher.ready}
    return JSONResponse(body, 200 if database else 503)
