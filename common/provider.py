"""The provider as the rest of the system speaks of it: one vocabulary, whichever dialect is on the wire.

What each answer to a submission means stands in design section 4: a submission has no idempotency key.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol
from uuid import UUID

NULL_URL = "null:"  # a provider that makes nothing, for measurements (contracts.md section 4)


class State(StrEnum):
    """How far the provider is."""

    QUEUED = "queued"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Submission(NamedTuple):
    """What is asked for: the picture's URL, how many times larger, where to call back."""

    job_id: UUID
    image_url: str
    factor: int
    webhook_url: str


class Report(NamedTuple):
    """What the provider says of one submission. `credits`: what it charged, when it says so."""

    provider_id: str
    state: State
    result_url: str | None = None
    credits: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class NotAccepted:
    """Surely not accepted: try later. `busy`: the provider lacks capacity (no failure of ours or the picture's)."""

    why: str
    busy: bool
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may or may not have been accepted."""

    why: str


@dataclass(frozen=True, slots=True)
class PictureRefused:
    """The provider refuses this picture: no other try will help."""

    why: str


@dataclass(frozen=True, slots=True)
class OurTrouble:
    """Key or credits: every order would meet it."""

    why: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """A status check without an answer: look again later."""

    why: str
    retry_after_s: float | None = None


SubmitAnswer = Report | NotAccepted | Unknown | PictureRefused | OurTrouble


class Provider(Protocol):
    """What submitter and poller need of a provider."""

    def submit(self, submission: Submission) -> SubmitAnswer: ...
    def status(self, provider_id: str) -> Report | Unclear: ...
