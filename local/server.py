"""What a RabbitMQ and a PostgreSQL that we may start have in common, however they run."""

from abc import ABC, abstractmethod
from typing import ClassVar

from local.processes import Process, await_condition


class Server(ABC):
    """`start`, `stop` and `kill` may follow each other in any order; port, password and data stay."""

    NAME: ClassVar[str]
    READY_S: ClassVar[float]
    process: Process | None = None

    def __init__(self) -> None:
        self.version = ""

    @property
    @abstractmethod
    def url(self) -> str:
        """A place on it that is ready for use."""

    @abstractmethod
    def launch(self) -> None:
        """Starts it without waiting for it."""

    @abstractmethod
    def stop(self) -> None:
        """The server's own orderly stop."""

    @abstractmethod
    def kill(self) -> None:
        """SIGKILL."""

    @abstractmethod
    def close(self) -> None:
        """Ends it for good, at once."""

    def start(self) -> None:
        self.launch()
        self.wait_ready()

    def wait_ready(self) -> None:
        await_condition(self._answers, self.READY_S, f"{self.NAME} to accept connections", self.process)

    @abstractmethod
    def _answers(self) -> bool:
        """Whether it serves now; notes its `version` when it does."""
