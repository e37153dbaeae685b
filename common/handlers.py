"""Handler threads: they ask the outside world, each one question at a time."""

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class HandlerThreads(Generic[T]):
    """`count` threads that run `work` on whatever is put.

    No future is made for each question, and none wakes a thread of its own: a thread that took one lets the next
    sleeper go for the rest, and where answers come at once it has taken the rest itself before that one is awake.
    """

    def __init__(self, name: str, count: int, work: Callable[[T], None]) -> None:
        self._work = work
        self._waiting: queue.SimpleQueue[T | None] = queue.SimpleQueue()
        self._started = self._stopping = False
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}.ask_{number}", daemon=True) for number in range(count)
        ]

    def put(self, question: T) -> None:
        """Called by one thread only: the first call starts the threads."""
        if not self._started:
            for thread in self._threads:
                thread.start()
            self._started = True  # not before: the watchdog takes a thread that is not there yet for one that died
        self._waiting.put(question)

    def stop(self) -> None:
        """Take up nothing more; what is under way goes on, and nobody waits for it."""
        self._stopping = True
        for _ in self._threads:
            self._waiting.put(None)

    @property
    def alive(self) -> bool:
        return not self._started or all(thread.is_alive() for thread in self._threads)

    def _run(self) -> None:
        while (question := self._waiting.get()) is not None and not self._stopping:
            self._work(question)
