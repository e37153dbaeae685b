"""What is measured: processes that move orders, and the message that starts one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from bench.rig import Place
from local.processes import Process


@dataclass(frozen=True, slots=True)
class Start:
    """The message that starts an order."""

    exchange: str
    key: str
    body: str
    properties: Mapping[str, Any] = field(default_factory=dict)


class Contestant(Protocol):
    """A program that takes orders over four hops, one process for each stage."""

    name: str

    def processes(self, place: Place) -> Sequence[Process]:
        """Its processes, not yet started."""

    def wait_ready(self, place: Place) -> None:
        """Return once every started process consumes. Raises LocalError."""

    def start_of(self, job_id: UUID) -> Start: ...
