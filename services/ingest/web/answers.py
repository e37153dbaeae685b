"""What the routes answer, for OpenAPI: shapes, examples, and which refusals each of them may give."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

TICKET = "tk_0f1e2d3c4b5a69788796a5b4c3d2e1f0"
Dollars = Annotated[float, Field(ge=0, examples=[1.92])]


class Refusal(BaseModel):
    """The one shape of every error; `message` is for the customer, in the language of `Accept-Language`."""

    code: str = Field(examples=["unknown_order"])
    message: str = Field(examples=["We do not know this order."])
    data: dict[str, int] = Field(examples=[{"status": 404}])


class Size(BaseModel):
    width: int = Field(examples=[8000])
    height: int = Field(examples=[8000])


class Price(BaseModel):
    """What one enlargement costs."""

    credits: int = Field(examples=[16])
    cost_usd: Dollars
    customer_price: Dollars
    markup_percentage: float = Field(examples=[200.0])
    output_megapixels: float = Field(examples=[64.0])
    output_dimensions: Size


class Info(Size):
    file_size: int | None = Field(default=None, description="bytes, of an upload")


class Prices(BaseModel):
    """`pricing`: by resolution; one that cannot be made is left out."""

    success: Literal[True]
    pricing: dict[str, Price]
    image_info: Info


class Uploaded(Prices):
    upload_id: str = Field(examples=["up_3q2-7wABCDEFGHIJKLMNOP"])


class Clicked(BaseModel):
    success: Literal[True]
    message: str = Field(examples=["Counted."])


class Checkout(BaseModel):
    """`job_id` is the customer's ticket; the customer pays at `checkout_url`."""

    success: Literal[True]
    job_id: str = Field(examples=[TICKET])
    checkout_url: str = Field(examples=["https://checkout.stripe.com/c/pay/cs_test_1"])
    amount: Dollars
    message: str = Field(examples=["The order waits for its payment."])


class Progress(BaseModel):
    """Where an order stands. What has no value is left out."""

    job_id: str = Field(examples=[TICKET])
    status: Literal["awaiting_payment", "pending", "processing", "completed", "failed", "abandoned"]
    payment_status: Literal["pending", "paid", "partially_refunded", "refunded", "disputed"]
    resolution: str = Field(examples=["4x"])
    created_at: datetime
    stage: Literal["queued", "processing", "finishing", "completed", "failed"]
    progress: float = Field(ge=0, le=1, examples=[0.45])
    estimated_completion: datetime | None = None
    failure: str | None = Field(default=None, examples=["We could not make this enlargement. Nothing was charged."])
    download_url: str | None = Field(default=None, examples=["https://pictures.example.com/d/0f1e…"])


class JobStatus(BaseModel):
    success: Literal[True]
    data: Progress


class Opened(BaseModel):
    """An order made by program; `job_id` is the operational id."""

    job_id: str = Field(examples=["018f0000-0000-7000-8000-000000000001"])
    checkout_url: str = Field(examples=["https://checkout.stripe.com/c/pay/cs_test_1"])
    amount: Dollars
    currency: str = Field(examples=["usd"])
    status_url: str = Field(examples=[f"https://pictures.example.com/jobs/{TICKET}"])


WHY = {
    400: "something in the request is missing or wrong; the message names it",
    401: "no token or signature, or a wrong one",
    403: "not ours to sell, or not signed by us",
    404: "nothing is known under this name",
    405: "this address does not take this method",
    408: "the request did not arrive in time",
    409: "the state forbids it; the message says why",
    410: "its time is over",
    413: "longer than is taken here",
    415: "only application/json is taken here",
    416: "the range lies outside the file",
    422: "this picture cannot be taken or enlarged; the message says why",
    425: "not ready yet",
    429: "asked too often; Retry-After says when to come again",
    500: "something went wrong on our side",
    502: "the payment page could not be opened; nothing was charged",
    503: "cannot answer just now; Retry-After says when to come again",
}
EVERYWHERE = (400, 405, 408, 413, 429, 500, 503)
PAGE: dict[int | str, dict[str, Any]] = {200: {"content": {"text/html": {}}, "description": "a page"}}
PICTURE: dict[str, Any] = {"content": {kind: {} for kind in ("image/png", "image/jpeg", "image/webp")}}
JSON_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}


def refusals(*statuses: int, page: bool = False) -> dict[int | str, dict[str, Any]]:
    """Errors as OpenAPI's `responses`. `page`: where a person looks, they are pages."""
    return {status: _refusal(status, page=page) for status in (*EVERYWHERE, *statuses)}


def _refusal(status: int, *, page: bool) -> dict[str, Any]:
    if page:
        return {"description": WHY[status], "content": {"text/html": {}}}
    return {"model": Refusal, "description": WHY[status]}
