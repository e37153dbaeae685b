"""The admin's API: what people decide about orders, with the bearer token of `ADMIN_TOKEN`.

Each route is one verb of common/admin; the same verbs stand behind the command line.
"""

import tempfile
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Header, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile

from common.admin import (
    Complete,
    Decision,
    Email,
    Extend,
    Fail,
    Hold,
    Refund,
    Release,
    Resend,
    Retry,
    Wake,
    handing,
)
from common.admin import pausing as switching
from common.admin.desk import Verb
from services.ingest.edge import Edge, Parts
from services.ingest.web.errors import ApiError
from services.ingest.web.forms import Address
from services.ingest.web.tokens import merchant

PICTURE_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "the finished picture"},
                        "url": {"type": "string", "description": "or where to fetch it; a public address"},
                        "reason": {"type": "string"},
                    },
                }
            }
        },
    }
}


class Told(BaseModel):
    """What was decided; `message` is a sentence for people."""

    success: bool = True
    job_id: str
    ticket: str
    verb: str
    message: str
    repeated: bool = Field(description="the same Idempotency-Key came before: nothing was done this time")


class Problem(BaseModel):
    """The one shape of every error."""

    code: str = Field(examples=["state_forbids"])
    message: str = Field(examples=["It was delivered: refund it instead."])
    data: dict[str, int] = Field(examples=[{"status": 409}])


def _problem(text: str) -> dict[str, Any]:
    return {"model": Problem, "description": text}


router = APIRouter(
    prefix="/admin/api",
    tags=["admin"],
    dependencies=[Depends(merchant)],
    responses={
        401: _problem("no token, or a wrong one"),
        404: _problem("no such order"),
        409: _problem("the order's state forbids it; the message says why"),
        429: _problem("too many wrong tokens from this address"),
    },
)


class Why(BaseModel):
    """`reason` goes to the record."""

    model_config = ConfigDict(extra="forbid")
    reason: str = Field(default="", max_length=1000, examples=["the customer asked for it"])


class RetryWish(Why):
    force: bool = Field(default=False, description="although an attempt is under way, which then costs twice")


class EmailWish(Why):
    address: Address = Field(examples=["anna@example.org"])


class RefundWish(Why):
    amount_cents: int | None = Field(default=None, gt=0, description="all that is left by default", examples=[150])


class HoldWish(Why):
    reason: str = Field(min_length=1, max_length=1000, examples=["the customer's bank called"])
    review_at: AwareDatetime | None = Field(default=None, description="when to ask again; a day from now by default")


class ReleaseWish(Why):
    promise_hours: float | None = Field(default=None, gt=0, le=24 * 90, description="the promise's new date, from now")


class CompleteWish(Why):
    url: str | None = Field(default=None, pattern=r"^https?://[!-~]+$", max_length=4096)

    @classmethod
    def of(cls, url: object, reason: object) -> "CompleteWish":
        """From the fields of a form. Raises RequestValidationError."""
        try:
            return cls(url=url or None, reason=reason or "")
        except ValidationError as error:
            raise RequestValidationError([e | {"loc": ("body", *e["loc"])} for e in error.errors()]) from error


class SwitchWish(Why):
    what: str = Field(default="all", max_length=100, examples=["all", "clock", "submitter"])


def _decision(
    x_admin_actor: Annotated[
        str, Header(description="who decides: a name for the record", pattern=r"^[!-~ ]{1,80}$", examples=["anna"])
    ] = "api",
    idempotency_key: Annotated[
        str | None, Header(description="makes repeats of this request one decision", pattern=r"^[!-~]{1,100}$")
    ] = None,
) -> Decision:
    return Decision(x_admin_actor, request_id=idempotency_key)


Decided = Annotated[Decision, Depends(_decision)]
NoBody = Body(default_factory=Why)


@router.post("/jobs/{job_id}/retry")
def retry(edge: Edge, job_id: str, by: Decided, wish: Annotated[RetryWish, Body(default_factory=RetryWish)]) -> Told:
    """Have a paid order done again: publishes `payment.completed` with `admin_override`."""
    return _act(edge, Retry(wish.force), job_id, by, wish)


@router.post("/jobs/{job_id}/extend")
def extend(edge: Edge, job_id: str, by: Decided, wish: Annotated[Why, NoBody]) -> Told:
    """Give the customer a new download link, by mail. The older links end, the file is kept at least as long."""
    return _act(edge, Extend(), job_id, by, wish)


@router.post("/jobs/{job_id}/resend")
def resend(edge: Edge, job_id: str, by: Decided, wish: Annotated[Why, NoBody]) -> Told:
    """Send the last mail about the order once more."""
    return _act(edge, Resend(), job_id, by, wish)


@router.post("/jobs/{job_id}/email")
def email(edge: Edge, job_id: str, by: Decided, wish: EmailWish) -> Told:
    """Correct the customer's address, and send what went to the old one to the new one."""
    return _act(edge, Email(wish.address), job_id, by, wish)


@router.post("/jobs/{job_id}/fail")
def fail(edge: Edge, job_id: str, by: Decided, wish: Annotated[Why, NoBody]) -> Told:
    """Give up an order that is not delivered: its charge is refunded."""
    return _act(edge, Fail(), job_id, by, wish)


@router.post("/jobs/{job_id}/refund")
def refund(edge: Edge, job_id: str, by: Decided, wish: Annotated[RefundWish, Body(default_factory=RefundWish)]) -> Told:
    """Give back all that is left of the charge, or a part of it. One refund is under way at a time."""
    return _act(edge, Refund(wish.amount_cents), job_id, by, wish)


@router.post("/jobs/{job_id}/hold")
def hold(edge: Edge, job_id: str, by: Decided, wish: HoldWish) -> Told:
    """Let nothing act on the order until it is released. Its promise still runs."""
    return _act(edge, Hold(wish.review_at), job_id, by, wish)


@router.post("/jobs/{job_id}/release")
def release(
    edge: Edge, job_id: str, by: Decided, wish: Annotated[ReleaseWish, Body(default_factory=ReleaseWish)]
) -> Told:
    """End a hold, with a new date for the promise."""
    return _act(edge, Release(wish.promise_hours), job_id, by, wish)


@router.post("/jobs/{job_id}/wake")
def wake(edge: Edge, job_id: str, by: Decided, wish: Annotated[Why, NoBody]) -> Told:
    """Look now at whatever the order waits for."""
    return _act(edge, Wake(), job_id, by, wish)


@router.post("/pause")
def pause(edge: Edge, by: Decided, wish: Annotated[SwitchWish, Body(default_factory=SwitchWish)]) -> dict[str, Any]:
    """Stop the clock and the lanes (`all`), or one of them, until they are resumed. Payments are still taken."""
    with edge.database.transaction() as tx:
        return {"success": True, "message": switching.pause(tx, wish.what, _with(by, wish))}


@router.post("/resume")
def resume(edge: Edge, by: Decided, wish: Annotated[SwitchWish, Body(default_factory=SwitchWish)]) -> dict[str, Any]:
    """End a pause; `all` ends every one."""
    with edge.database.transaction() as tx:
        return {"success": True, "message": switching.resume(tx, wish.what, _with(by, wish))}


@router.post("/jobs/{job_id}/complete", openapi_extra=PICTURE_BODY)
async def complete(edge: Edge, job_id: str, by: Decided, request: Request) -> Told:
    """Deliver a picture that you hand in, as `file`, or from a `url`: checked and stored like the provider's."""
    async with request.form(max_files=1, max_fields=4) as form:  # read after the token: strangers send no gigabytes
        wish = CompleteWish.of(form.get("url"), form.get("reason"))
        file = form.get("file")
        if isinstance(file, UploadFile) == bool(wish.url):
            raise ApiError(400, "invalid_request", "Send either a file or a url.")
        return await run_in_threadpool(_complete, edge, job_id, by, wish, file)


def _complete(edge: Parts, job_id: str, by: Decision, wish: CompleteWish, file: UploadFile | str | None) -> Told:
    if isinstance(file, UploadFile):
        return _act(edge, Complete(file.file), job_id, by, wish)
    with tempfile.TemporaryFile() as target:
        try:
            handing.fetch(str(wish.url), edge.settings.outbound_allow, target)
        except handing.UnfetchableError as error:
            raise ApiError(422, "picture_refused", f"The picture cannot be had: {error}.") from error
        target.seek(0)
        return _act(edge, Complete(target), job_id, by, wish)


def _with(by: Decision, wish: Why) -> Decision:
    return replace(by, why=wish.reason)


def _act(edge: Parts, verb: Verb, job_id: str, by: Decision, wish: Why) -> Told:
    done = edge.desk.act(verb, job_id, _with(by, wish))
    return Told(job_id=str(done.job_id), ticket=done.ticket, verb=done.verb, message=done.told, repeated=done.repeated)
