"""The two dialects: what a body asks for, and how a job is spoken of."""

import json
import uuid
from datetime import timedelta
from typing import Any, ClassVar, Protocol

from pydantic import ValidationError

from sandbox.upsampler.jobs import Dialect, Job, Order, State
from sandbox.upsampler.wire import (
    DocumentedMetadata,
    DocumentedState,
    DocumentedStatus,
    DocumentedSubmission,
    DocumentedSubmitted,
    DocumentedWebhook,
    LiveState,
    LiveStatus,
    LiveSubmission,
    LiveSubmitted,
)


class NotUnderstoodError(ValueError):
    """A submission's body that neither dialect knows; the message says where and why."""


class Speech(Protocol):
    """How one dialect answers. `url` is the job's result without its suffix."""

    def new_id(self) -> str: ...
    def submitted(self, job: Job, seconds: float) -> dict[str, Any]: ...
    def status(self, job: Job, url: str) -> dict[str, Any]: ...
    def webhook(self, job: Job, url: str) -> dict[str, Any]: ...


def understand(raw: bytes) -> Order:
    """The order that a submission's body stands for, told apart by its shape. Raises NotUnderstoodError."""
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise NotUnderstoodError(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict) or not {"input", "image_url"} & body.keys():
        raise NotUnderstoodError("neither `input.imageUrl` (live) nor `image_url` (documented) is there")
    try:
        return _live_order(body) if "input" in body else _documented_order(body)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise NotUnderstoodError(f"{place}: {first['msg']}") from error


def _live_order(body: dict[str, Any]) -> Order:
    asked = LiveSubmission.model_validate(body)
    return Order("live", asked.input.image_url, asked.input.upscale_factor, asked.webhook)


def _documented_order(body: dict[str, Any]) -> Order:
    asked = DocumentedSubmission.model_validate(body)
    metadata = asked.metadata.model_dump()
    return Order("documented", asked.image_url, asked.scale_factor, asked.webhook_url, metadata)


class Live:
    words: ClassVar = dict(zip(State, LiveState, strict=True))

    def new_id(self) -> str:
        return str(uuid.uuid4())

    def submitted(self, job: Job, seconds: float) -> dict[str, Any]:  # noqa: ARG002 (live gives no estimate)
        return LiveSubmitted(id=job.id, status=self.words[job.state], creditCost=job.credits).body()

    def status(self, job: Job, url: str) -> dict[str, Any]:
        done = job.state is State.DONE
        return LiveStatus(
            id=job.id,
            status=self.words[job.state],
            imageUrl=f"{url}.png" if done else None,
            compressedImageUrl=f"{url}.jpg" if done else None,
            creditCost=job.credits,
            error=job.error,
        ).body()

    def webhook(self, job: Job, url: str) -> dict[str, Any]:
        return self.status(job, url)


class Documented:
    words: ClassVar = dict(zip(State, DocumentedState, strict=True))

    def new_id(self) -> str:
        return f"upsampler_job_{uuid.uuid4().int % 10**12:012}"

    def submitted(self, job: Job, seconds: float) -> dict[str, Any]:
        return DocumentedSubmitted(
            success=job.state is not State.FAILED,
            job_id=job.id,
            status=self.words[job.state],
            estimated_completion=(job.at + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        ).body()

    def status(self, job: Job, url: str) -> dict[str, Any]:
        done = job.state is State.DONE
        return DocumentedStatus(
            job_id=job.id,
            status=self.words[job.state],
            result_url=f"{url}.png" if done else None,
            error=job.error,
        ).body()

    def webhook(self, job: Job, url: str) -> dict[str, Any]:
        metadata = DocumentedMetadata.model_validate(job.order.metadata)
        status = self.status(job, url) | {"status": self.words[job.state]}
        return DocumentedWebhook(**status, metadata=metadata).body()


SPEECH: dict[Dialect, Speech] = {"live": Live(), "documented": Documented()}
