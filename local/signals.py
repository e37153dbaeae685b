"""Signals to ourselves become exceptions, so that every `finally` that stops a child gets to run."""

import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

Handler = Callable[[int, FrameType | None], None]


@contextmanager
def exit_on_sigterm() -> Iterator[None]:
    """SIGTERM and SIGHUP raise SystemExit(128 + number) in here. Does nothing outside the main thread."""
    with _handling((signal.SIGTERM, signal.SIGHUP), _exit):
        yield


@contextmanager
def no_interrupt() -> Iterator[None]:
    """An impatient second Ctrl-C does not stop the stopping."""
    with _handling((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), _ignore):
        yield


@contextmanager
def _handling(numbers: Iterable[signal.Signals], handler: Handler) -> Iterator[None]:
    ours = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, handler) for number in numbers if ours}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def _exit(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _ignore(_number: int, _frame: FrameType | None) -> None: ...
