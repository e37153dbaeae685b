"""What a lane does while the database is away: it holds its messages, and goes on alone when the database is back."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import structlog

from common.database import DatabaseAwayError

AWAY_S = (0.1, 0.2, 0.5, 1.0, 2.0)

log = structlog.get_logger()
T = TypeVar("T")


class Patient:
    """Repeats database work while the database is away. `pause` stops the consumer, `resume` starts it again."""

    def __init__(self, pause: Callable[[], None], resume: Callable[[], None], stopping: threading.Event) -> None:
        self._pause = pause
        self._resume = resume
        self._stopping = stopping
        self.away_at = float("-inf")  # monotonic seconds of when it was last met away

    def run(self, work: Callable[[], T]) -> T:
        """Run the work, again and again while the database is away. Raises DatabaseAwayError only while stopping."""
        failures = 0
        while True:
            try:
                result = work()
            except DatabaseAwayError as error:
                self.away_at = time.monotonic()
                if not failures:
                    log.warning("database.away", error=str(error))
                    self._pause()
                if self._stopping.wait(AWAY_S[min(failures, len(AWAY_S) - 1)]):
                    raise
                failures += 1
            else:
                if failures:
                    log.warning("database.back")
                    self._resume()
                return result
