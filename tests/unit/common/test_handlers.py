"""Threads that ask: the watchdog reads `alive` from another thread, at any moment."""

import threading

import pytest

from common.handlers import HandlerThreads
from local.processes import await_condition


def test_threads_that_are_just_starting_are_no_dead_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker of which one is dead ends itself: at its first question it did so now and then, for no reason."""
    seen: list[bool] = []
    start = threading.Thread.start

    def watched(thread: threading.Thread) -> None:
        seen.append(threads.alive)
        start(thread)
        seen.append(threads.alive)

    answered = threading.Event()
    threads: HandlerThreads[str] = HandlerThreads("lane", 3, lambda _: answered.set())
    monkeypatch.setattr(threading.Thread, "start", watched)
    threads.put("question")
    assert answered.wait(5)
    assert seen == [True] * 6
    assert threads.alive
    threads.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_died_is_seen() -> None:
    def die(_: str) -> None:
        raise SystemExit

    threads = HandlerThreads("lane", 2, die)
    assert threads.alive
    threads.put("question")
    await_condition(lambda: not threads.alive, 5, "the thread's end")
    threads.stop()
