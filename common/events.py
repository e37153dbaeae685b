"""The events: one pydantic model each, their queues, and the CloudEvents envelope (design section 3).

The routing key is the event's `name`; `queue` is its one consumer. docs/asyncapi.yaml is made from these models.
Messages are hints: what may happen is decided from rows, so a bare `{"job_id": "…"}` published by hand is accepted too.
"""

import difflib
from datetime import UTC, datetime
from typing import ClassVar
from uuid import UUID

import uuid_utils
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, from_json, to_json

EXCHANGE = "enlarger"
CONTENT_TYPE = "application/cloudevents+json"
MAX_REASON = 1000


class MalformedMessageError(ValueError):
    """The message does not parse: it becomes a dead letter with this text as its reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason[:MAX_REASON])  # it travels in a header, and the broker's frames have an end


class Event(BaseModel):
    """A past-tense fact about one job. `traceparent` travels in the envelope."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: ClassVar[str]
    queue: ClassVar[str]
    job_id: UUID = Field(description="the operational id of the job")
    traceparent: str | None = Field(default=None, exclude=True, description="W3C trace context, in the envelope")

    @property
    def insists(self) -> bool:
        """A person wants it, whatever stands against it."""
        return False


class CheckoutCheck(Event):
    """Time to ask Stripe about an unpaid checkout."""

    name = "checkout.check"
    queue = "ingest.checkout.check"


class PaymentCompleted(Event):
    """The order is paid, or an operator wants it done again (`admin_override`)."""

    name = "payment.completed"
    queue = "submitter.payment.completed"
    admin_override: bool = Field(default=False, description="re-open a paid job in any stage")
    request_id: str | None = Field(
        default=None, max_length=100, description="makes repeats of one override one override"
    )

    @property
    def insists(self) -> bool:
        return self.admin_override


class UpscaleSubmitted(Event):
    """The provider has the picture, or may have it."""

    name = "upscale.submitted"
    queue = "poller.upscale.submitted"
    attempt: int | None = Field(default=None, ge=1)


class UpscaleCheck(Event):
    """Now is a good time to look at the provider's status."""

    name = "upscale.check"
    queue = "poller.upscale.check"
    attempt: int | None = Field(default=None, ge=1)


class UpscaleDone(Event):
    """The provider has a result for this attempt."""

    name = "upscale.done"
    queue = "finisher.upscale.done"
    attempt: int | None = Field(default=None, ge=1)


class UpscaleFailed(Event):
    """The job has failed and its failure is committed: what was charged is owed back."""

    name = "upscale.failed"
    queue = "finisher.upscale.failed"
    attempt: int | None = Field(default=None, ge=0)
    reason: str | None = None


class FileExpired(Event):
    """The time of the stored files is over."""

    name = "file.expired"
    queue = "finisher.file.expired"


class JobCompleted(Event):
    """The picture is stored and its link exists: tell the customer."""

    name = "job.completed"
    queue = "notifier.job.completed"


class JobRefunded(Event):
    """The refund succeeded: tell the customer."""

    name = "job.refunded"
    queue = "notifier.job.refunded"


class LinkExpiring(Event):
    """The link ends soon and nothing was downloaded."""

    name = "link.expiring"
    queue = "notifier.link.expiring"


class JobAttention(Event):
    """A person should look at this job."""

    name = "job.attention"
    queue = "notifier.job.attention"
    reason: str | None = None


EVENTS: dict[str, type[Event]] = {
    cls.name: cls
    for cls in (
        CheckoutCheck, PaymentCompleted, UpscaleSubmitted, UpscaleCheck, UpscaleDone, UpscaleFailed,
        FileExpired, JobCompleted, JobRefunded, LinkExpiring, JobAttention,
    )
}  # fmt: skip


def encode(event: Event, source: str) -> bytes:
    """Wrap the event in a CloudEvent (structured JSON). `source` is the publishing service's name."""
    envelope = {
        "specversion": "1.0",
        "id": str(uuid_utils.uuid4()),
        "type": event.name,
        "source": f"/{EXCHANGE}/{source}",
        "time": datetime.now(UTC),
        "datacontenttype": "application/json",
        "traceparent": event.traceparent or None,
        "data": event,
    }
    return to_json(envelope, exclude_none=True)


def decode(body: bytes, cls: type[Event]) -> Event:
    """Read a CloudEvent, or the bare data published by hand. Raises MalformedMessageError with a reason for people."""
    try:
        message = from_json(body)
    except ValueError as error:
        deep = "recursion limit" in str(error)
        raise MalformedMessageError(
            "the body is nested too deeply" if deep else f"the body is not JSON: {error}"
        ) from error
    if not isinstance(message, dict):
        raise MalformedMessageError('the body must be a JSON object such as {"job_id": "…"}')
    if message.get("type", cls.name) != cls.name:
        raise MalformedMessageError(f"the body says type {message['type']!r}, this queue takes {cls.name!r}")
    data = message["data"] if "specversion" in message and isinstance(message.get("data"), dict) else message
    trace = message.get("traceparent")
    if isinstance(trace, str):
        data = data | {"traceparent": trace}
    try:
        return cls.model_validate(data)
    except ValidationError as error:
        problems = "; ".join(_in_words(cls, problem) for problem in error.errors(include_url=False))
        raise MalformedMessageError(f"{cls.name}: {problems}") from error


def _in_words(cls: type[Event], problem: ErrorDetails) -> str:
    """What is wrong with one field, for whoever published it by hand: most of it is a typing mistake."""
    name = ".".join(map(str, problem["loc"]))
    match problem["type"]:
        case "extra_forbidden":
            known = [field for field, info in cls.model_fields.items() if not info.exclude]
            like = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {like[0]}?" if like else f"it takes {', '.join(known)}"
            return f"there is no field {name!r}: {hint}"
        case "missing":
            return f"the field {name} is missing"
    if name == "job_id" and str(problem["input"]).startswith("tk_"):
        return "job_id: this is a customer's ticket; messages name the operational id, which ./enlarger show tells"
    return f"{name}: {problem['msg']}, not {str(problem['input'])[:80]!r}"
