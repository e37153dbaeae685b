"""A job at the provider, and the ledger of everything that reached the provider or left it."""

import asyncio
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

Dialect = Literal["live", "documented"]
PIXELS_PER_CREDIT = 4_000_000  # 0.25 credits per megapixel of output


class State(StrEnum):
    QUEUED = "queued"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"


class Answer(StrEnum):
    """What became of the answer to a submission."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GARBLED = "garbled"
    LOST = "lost"


def now() -> datetime:
    return datetime.now(UTC)


def credits_for(width: int, height: int, factor: int) -> int:
    """Credits for enlarging width x height by `factor`: every begun 4 megapixels of output cost one."""
    return -(-width * height * factor * factor // PIXELS_PER_CREDIT)


@dataclass(frozen=True)
class Order:
    """What a submission asks for, whichever dialect it came in."""

    dialect: Dialect
    image_url: str
    factor: int
    webhook_url: str
    metadata: dict[str, str] | None = None


@dataclass
class Job:
    """One accepted submission. `quoted` is its price in credits, 0 while the source is unknown."""

    id: str
    order: Order
    raw: str
    at: datetime = field(default_factory=now)
    state: State = State.QUEUED
    states: list[tuple[State, datetime]] = field(default_factory=list)
    answer: Answer = Answer.PENDING
    source_size: tuple[int, int] | None = None
    quoted: int = 0
    error: str | None = None
    problem: str | None = None
    faults: list[str] = field(default_factory=list)
    announced: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def text(self) -> str:
        """What a fault's `match` is looked for in."""
        return f"{self.raw}\n{self.order.image_url}\n{self.order.webhook_url}\n{self.id}"

    @property
    def credits(self) -> int:
        """What the customer of the provider is charged: nothing for a failed job."""
        return 0 if self.state is State.FAILED else self.quoted

    def move(self, state: State, error: str | None = None) -> None:
        self.state, self.error = state, error
        self.states.append((state, now()))

    def result_is_alive(self, ttl_s: float) -> bool:
        return self.state is State.DONE and now() < self.states[-1][1] + timedelta(seconds=ttl_s)

    def record(self) -> dict[str, Any]:
        """The job's line in the ledger."""
        return {
            "id": self.id,
            **asdict(self.order),
            "at": self.at,
            "answer": self.answer,
            "state": self.state,
            "states": [{"state": state, "at": at} for state, at in self.states],
            "error": self.error,
            "credits": self.credits,
            "source_size": self.source_size,
            "faults": self.faults,
        }


@dataclass
class Ledger:
    """Everything that happened, in order. Touched by the event loop's thread only."""

    jobs: dict[str, Job] = field(default_factory=dict)
    refusals: list[dict[str, Any]] = field(default_factory=list)
    status_checks: list[dict[str, Any]] = field(default_factory=list)
    webhooks: list[dict[str, Any]] = field(default_factory=list)
    downloads: list[dict[str, Any]] = field(default_factory=list)

    def refused(self, status: int | None, reason: str, raw: str, fault: str | None = None) -> None:
        """A submission that was not accepted; `status` None means that the connection was closed."""
        line = {"at": now(), "status": status, "reason": reason, "body": raw, "fault": fault}
        self.refusals.append(line)

    def checked(self, job_id: str, status: int | None, fault: str | None = None) -> None:
        """A status check; `status` None means that the client was gone before the answer."""
        job = self.jobs.get(job_id)
        state = job.state if job else None
        line = {"at": now(), "id": job_id, "status": status, "state": state, "fault": fault}
        self.status_checks.append(line)

    def view(self) -> dict[str, Any]:
        return {
            "submissions": [job.record() for job in self.jobs.values()],
            "refusals": self.refusals,
            "status_checks": self.status_checks,
            "webhooks": self.webhooks,
            "downloads": self.downloads,
        }
