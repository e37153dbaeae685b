"""Whether this process works, whether its servers are there, and its numbers."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

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


@router.get("/metrics", response_class=PlainTextResponse)
def metrics() -> Response:
    """Prometheus metrics, the same as on METRICS_PORT."""
    return Response(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
