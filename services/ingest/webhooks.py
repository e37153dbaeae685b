"""What Stripe and the provider tell us. Stripe's word is signed and acted on; the provider's is only a hint."""

from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, Header, Query, Request
from pydantic import BaseModel, ConfigDict, ValidationError

from common.database import Transaction
from common.events import UpscaleCheck
from services.ingest.edge import Edge
from services.ingest.metrics import HINTS
from services.ingest.money import stripe_events
from services.ingest.money.stripe import BadSignatureError, StripeAwayError, StripeRefusedError, verified
from services.ingest.web.answers import JSON_BODY, refusals
from services.ingest.web.errors import ApiError, unavailable

MAX_PROVIDER_ID = 200

router = APIRouter(prefix="/smi-webhook", tags=["webhooks"])
log = structlog.get_logger()


class Told(BaseModel):
    """The provider's body in either dialect: only its id is read."""

    model_config = ConfigDict(extra="ignore")
    id: Any = None
    job_id: Any = None

    @property
    def provider_id(self) -> str | None:
        found = self.id if self.id is not None else self.job_id
        return found if isinstance(found, str) and 0 < len(found) <= MAX_PROVIDER_ID and found.isprintable() else None


async def json_body(request: Request) -> bytes:
    """The raw body of a JSON request. Raises ApiError 415."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ApiError(415, "unsupported_media_type", "Only application/json is taken here.")
    return await request.body()


Body = Annotated[bytes, Depends(json_body)]


@router.post("/stripe/", openapi_extra=JSON_BODY, responses=refusals(415, 422))
@router.post("/stripe", include_in_schema=False)
def stripe_webhook(edge: Edge, body: Body, stripe_signature: Annotated[str | None, Header()] = None) -> dict[str, str]:
    """Stripe's events: verified over the raw body, recorded and acted on once."""
    secrets = [s.strip() for s in edge.settings.stripe_webhook_secret.get_secret_value().split(",") if s.strip()]
    try:
        payload = verified(body, stripe_signature, secrets)
    except BadSignatureError as error:
        log.warning("stripe.bad_signature", error=str(error))
        raise ApiError(400, "bad_signature", "This is not signed by Stripe, or not now.") from error
    try:
        return {"outcome": stripe_events.receive(edge, payload)}
    except (StripeAwayError, StripeRefusedError) as error:
        log.warning("stripe.no_answer", error=str(error))
        raise unavailable() from error


@router.post("/upsampler/", openapi_extra=JSON_BODY, responses=refusals(401, 415, 422))
@router.post("/upsampler", include_in_schema=False)
def provider_webhook(
    edge: Edge,
    body: Body,
    job: Annotated[str, Query(max_length=64)] = "",
    attempt: Annotated[str, Query(max_length=9)] = "",
    sig: Annotated[str, Query(max_length=128)] = "",
) -> dict[str, str]:
    """The provider says that something happened to an attempt: look now. Its status and URLs are not believed."""
    if not edge.signer.verify(sig, "upsampler-webhook", job, attempt):
        HINTS.labels("forged").inc()
        raise ApiError(401, "bad_signature", "This address is not signed by us.")
    try:
        told = Told.model_validate_json(body)
    except ValidationError as error:
        raise ApiError(400, "invalid_request", "The body is not a JSON object.") from error
    job_id, number = UUID(job), int(attempt)
    with edge.database.transaction() as tx:
        open_still, traceparent = _note(tx, job_id, number, told.provider_id)
    if open_still:
        edge.publisher.publish([UpscaleCheck(job_id=job_id, attempt=number, traceparent=traceparent)])
    outcome = "hint" if open_still else "late"
    HINTS.labels(outcome).inc()
    return {"outcome": outcome}


def _note(tx: Transaction, job_id: UUID, attempt: int, provider_id: str | None) -> tuple[bool, str | None]:
    """Write the hint on the attempt, with the id that it lacked; whether it is still open, and the job's trace.

    One that was given up because nobody had ever heard of it is open again: it may have won, and what it cost is known.
    """
    row = tx.execute(
        """UPDATE attempts a SET hinted_at = now(),
               provider_id = CASE WHEN i.new THEN COALESCE(a.provider_id, %(id)s) ELSE a.provider_id END,
               state = CASE WHEN i.new AND a.ended_at IS NOT NULL THEN 'open' ELSE a.state END,
               ended_at = CASE WHEN i.new THEN NULL ELSE a.ended_at END
           FROM (SELECT o.job_id, o.attempt, o.state IN ('claimed', 'unknown') AND %(id)s::text IS NOT NULL
                        AND NOT EXISTS (SELECT 1 FROM attempts x WHERE x.provider_id = %(id)s) AS new
                 FROM attempts o WHERE o.job_id = %(job)s AND o.attempt = %(attempt)s FOR UPDATE) i
           WHERE a.job_id = i.job_id AND a.attempt = i.attempt
           RETURNING a.ended_at IS NULL, (SELECT traceparent FROM jobs j WHERE j.job_id = a.job_id)""",
        {"id": provider_id, "job": job_id, "attempt": attempt},
    ).fetchone()
    return (bool(row[0]), row[1]) if row else (False, None)
