"""The provider's wire format in both dialects.

`live` is what upsampler.com/api/v1 really speaks, `documented` what the workflow document describes.
Requests are strict: an unknown, missing or wrongly typed field is refused, so that a client's mistake shows
here first. Answers list every key of the contract, null where there is nothing to say.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+(/\S*)?$", max_length=2048)]
Factor = Annotated[int, Field(ge=1, le=16)]


class Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    def body(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True)


class CamelWire(Wire):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=False, serialize_by_alias=True)


class LiveState(StrEnum):
    IN_QUEUE = "IN_QUEUE"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"


class DocumentedState(StrEnum):
    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class LiveInput(CamelWire):
    """`input` of `POST {base}/precise-upscale`, dialect `live`."""

    image_url: Url
    input_image_type: Literal["realism", "anime", "universal"]
    upscale_factor: Factor
    should_enhance_faces: bool
    should_preserve_blur: bool


class LiveSubmission(CamelWire):
    """Body of `POST {base}/precise-upscale`, dialect `live`."""

    webhook: Url
    input: LiveInput


class LiveSubmitted(CamelWire):
    """Its answer, always 200; `status` may already be FAILED."""

    id: str
    status: LiveState
    credit_cost: int


class LiveStatus(CamelWire):
    """Answer of `GET {base}/status/{id}`, and the body of the webhook, dialect `live`."""

    id: str
    status: LiveState
    image_url: str | None
    compressed_image_url: str | None
    credit_cost: int
    error: str | None


class DocumentedMetadata(Wire):
    job_id: str
    plugin: Literal["sell-my-images"]


class DocumentedSubmission(Wire):
    """Body of `POST {base}/precise-upscale`, dialect `documented`."""

    image_url: Url
    scale_factor: Factor
    format: Literal["auto"]
    webhook_url: Url
    metadata: DocumentedMetadata


class DocumentedSubmitted(Wire):
    """Its answer. `estimated_completion` is UTC, as `2023-10-15T10:45:00Z`."""

    success: bool
    job_id: str
    status: DocumentedState
    estimated_completion: str


class DocumentedStatus(Wire):
    """Answer of `GET {base}/status/{job_id}`, dialect `documented`."""

    job_id: str
    status: DocumentedState
    result_url: str | None
    error: str | None


class DocumentedWebhook(Wire):
    """Body of the webhook, dialect `documented`."""

    job_id: str
    status: DocumentedState
    result_url: str | None
    error: str | None
    metadata: DocumentedMetadata


class ErrorAnswer(Wire):
    """Body of every answer that is not 200."""

    error: str | dict[str, str]
