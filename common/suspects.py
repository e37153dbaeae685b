"""Queues that the broker fails to serve, so that one does not take its neighbours along.

RabbitMQ closes the whole connection when a consumer's queue has lost its process or its majority (541). Coming back at
once with the same consumers would redeliver what the healthy queues had given, again and again, until they pass their
delivery limit: such a queue is asked for by itself, later and later, while the others are consumed.
"""

from collections import Counter

import structlog

INTERNAL_ERROR = 541
FIRST_S, LONGEST_S = 1.0, 60.0

log = structlog.get_logger()


class Suspects:
    """One process's memory of them; used by the broker's I/O thread alone."""

    def __init__(self) -> None:
        self._failures: Counter[str] = Counter()
        self._asked: list[str] = []  # in this session, in their order; not answered yet

    def asked(self, queue: str) -> None:
        self._asked.append(queue)

    def answered(self, queue: str) -> None:
        """Its consumer stands."""
        if queue in self._asked:
            self._asked.remove(queue)
        del self._failures[queue]

    def ended(self, error: object) -> None:
        """The session is over: was it for one of these? The broker answers in the order in which it was asked."""
        if getattr(error, "reply_code", None) == INTERNAL_ERROR and self._asked:
            queue = self._asked[0]
            self._failures[queue] += 1
            log.error("queue.not_served", queue=queue, retry_s=self.wait_s(queue))
        self._asked.clear()

    def wait_s(self, queue: str) -> float:
        """Seconds from the start of a session until the queue is asked for; 0 for one that nothing speaks against."""
        failures = self._failures[queue]
        return min(FIRST_S * 2 ** (failures - 1), LONGEST_S) if failures else 0.0
