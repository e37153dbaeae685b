"""What may be asked: the parameters that the stand-in understands. Others are refused by name, never ignored."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from sandbox.stripe.form import Params
from sandbox.stripe.refusals import Refusal, invalid

_METADATA_KEYS, _METADATA_KEY_LENGTH, _METADATA_VALUE_LENGTH = 50, 40, 500


def _metadata(given: dict[str, str]) -> dict[str, str]:
    """Stripe's limits: https://docs.stripe.com/api/metadata. An empty value means: not set."""
    if len(given) > _METADATA_KEYS:
        raise ValueError(f"Metadata can hold at most {_METADATA_KEYS} keys")
    for key, value in given.items():
        if len(key) > _METADATA_KEY_LENGTH or len(value) > _METADATA_VALUE_LENGTH:
            raise ValueError(
                f"Metadata keys can be at most {_METADATA_KEY_LENGTH} characters long and values "
                f"{_METADATA_VALUE_LENGTH}; '{key[:50]}' is not"
            )
    return {key: value for key, value in given.items() if value}


Metadata = Annotated[dict[str, str], AfterValidator(_metadata)]
Text = Annotated[str, Field(min_length=1)]
Url = Annotated[str, Field(min_length=1, pattern=r"^https?://\S+$")]
Email = Annotated[str, Field(min_length=1, pattern=r"^[^@\s]+@[^@\s]+$")]


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Expandable(Input):
    expand: list[str] = []


class ProductData(Input):
    name: Text
    description: Text | None = None
    images: list[str] = []
    metadata: Metadata = {}


class PriceData(Input):
    currency: Annotated[str, Field(pattern="^[a-zA-Z]{3}$")]
    unit_amount: Annotated[int, Field(ge=0)]
    product_data: ProductData


class LineItem(Input):
    price_data: PriceData
    quantity: PositiveInt = 1


class PaymentIntentData(Input):
    metadata: Metadata = {}
    description: Text | None = None
    receipt_email: Email | None = None
    statement_descriptor: Text | None = None
    statement_descriptor_suffix: Text | None = None


class SessionCreate(Expandable):
    """`POST /v1/checkout/sessions`, hosted page, one payment."""

    mode: Literal["payment"]
    line_items: Annotated[list[LineItem], Field(min_length=1, max_length=100)]
    success_url: Url
    cancel_url: Url | None = None
    customer_email: Email | None = None
    customer_creation: Literal["always", "if_required"] = "if_required"
    client_reference_id: Text | None = None
    expires_at: int | None = None
    locale: Text | None = None
    metadata: Metadata = {}
    payment_intent_data: PaymentIntentData = PaymentIntentData()
    payment_method_types: list[Literal["card", "us_bank_account"]] = ["card", "us_bank_account"]
    submit_type: Literal["auto", "book", "donate", "pay"] | None = None
    ui_mode: Literal["hosted_page"] = "hosted_page"


class RefundCreate(Expandable):
    """`POST /v1/refunds`; without an amount, what is left is refunded."""

    payment_intent: Text | None = None
    charge: Text | None = None
    amount: PositiveInt | None = None
    reason: Literal["duplicate", "fraudulent", "requested_by_customer"] | None = None
    metadata: Metadata = {}


class Range(Input):
    gt: int | None = None
    gte: int | None = None
    lt: int | None = None
    lte: int | None = None

    def holds(self, instant: int) -> bool:
        return (
            (self.gt is None or instant > self.gt)
            and (self.gte is None or instant >= self.gte)
            and (self.lt is None or instant < self.lt)
            and (self.lte is None or instant <= self.lte)
        )


class Page(Expandable):
    """What every list call takes; newest first."""

    limit: Annotated[int, Field(ge=1, le=100)] = 10
    starting_after: Text | None = None
    ending_before: Text | None = None
    created: Range | int | None = None


class SessionPage(Page):
    payment_intent: Text | None = None
    status: Literal["open", "complete", "expired"] | None = None


class PaymentPage(Page):
    """Refunds and disputes are listed by either."""

    payment_intent: Text | None = None
    charge: Text | None = None


class ChargePage(Page):
    payment_intent: Text | None = None


class EventPage(Page):
    type: Text | None = None
    types: list[str] = []


Model = TypeVar("Model", bound=Input)


def read(model: type[Model], params: Params) -> Model:
    """Refuses in Stripe's words, naming the first parameter that is wrong in Stripe's notation."""
    try:
        return model.model_validate(params)
    except ValidationError as wrong:
        raise _refusal(wrong.errors()[0]) from None


# pydantic's kind of error -> Stripe's code and words
_WORDS = {
    "missing": ("parameter_missing", "Missing required param: {param}."),
    "extra_forbidden": ("parameter_unknown", "Received unknown parameter: {param}"),
    "string_too_short": ("parameter_invalid_empty", "You passed an empty string for '{param}'."),
    **dict.fromkeys(
        ("int_parsing", "int_type", "greater_than", "greater_than_equal", "less_than_equal"),
        ("parameter_invalid_integer", "Invalid integer: {input}"),
    ),
    "url": ("url_invalid", "Not a valid URL"),
    "email": ("email_invalid", "Invalid email address: {input}"),
}


def _refusal(wrong: Any) -> Refusal:
    first, *rest = (str(part) for part in wrong["loc"])
    param = first + "".join(f"[{part}]" for part in rest)
    kind = wrong["type"]
    if kind == "string_pattern_mismatch":
        kind = param.rstrip("]").rpartition("_")[2]
    code, words = _WORDS.get(kind, (None, "Invalid {param}: {msg}"))
    return invalid(words.format(param=param, input=wrong["input"], msg=wrong["msg"]), code, param)
