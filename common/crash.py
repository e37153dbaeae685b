"""For tests only: named points at which a process may kill itself, and controls that a test may break.

Both are off unless a setting arms them when the worker starts, and cost one look at an empty table. `./enlarger chaos`
crashes workers at every point (traps.md F7), and breaks one control at a time to show that its judge would notice.
"""

import os
import random
import signal
import sys
import threading
from collections.abc import Mapping
from typing import TypeVar

POINTS = (
    "before_commit",
    "after_commit",
    "before_publish",
    "after_publish",
    "before_acknowledge",
    "after_acknowledge",
    "clock_before_commit",
    "clock_after_commit",
    "clock_after_publish",
    "clock_after_settle",
    "event_before_commit",
    "event_after_commit",
    "before_source",
    "after_source",
    "before_submit",
    "after_submit",
    "before_status",
    "after_status",
    "before_fetch",
    "after_fetch",
    "before_store",
    "after_store",
    "before_refund",
    "after_refund",
    "before_mail",
    "after_mail",
    "before_checkout",
    "after_checkout",
)
MUTANTS = (
    "ack_before_commit",
    "no_wakeup",
    "no_stage_condition",
    "answer_not_recorded",
    "random_refund_key",
    "no_attempt_row",
    "event_apart_from_effect",
    "token_not_hashed",
)

K = TypeVar("K")
V = TypeVar("V")
_lock = threading.Lock()
_armed: dict[str, tuple[float, random.Random]] = {}
_mutant = ""


def arm(points: str, mutant: str) -> None:
    """`points`: `name:probability:seed`, comma-separated; `mutant`: the control to break, or "". Raises ValueError."""
    global _mutant  # noqa: PLW0603 - one switch per process, thrown once
    _armed.clear()
    for entry in filter(None, points.split(",")):
        name, probability, seed = entry.split(":")
        if name not in POINTS:
            raise ValueError(f"TEST_CRASH_POINTS: unknown point {name!r}; known: {', '.join(POINTS)}")
        _armed[name] = (float(probability), random.Random(f"{name}:{seed}"))  # noqa: S311 - a schedule, no secret
    if mutant and mutant not in MUTANTS:
        raise ValueError(f"TEST_MUTANT: unknown control {mutant!r}; known: {', '.join(MUTANTS)}")
    _mutant = mutant


def point(name: str) -> None:
    """A place where the process may die: SIGKILL, at the probability that the point was armed with."""
    if name in _armed:
        _maybe_die(name)


def broken(control: str) -> bool:
    """Whether a test has switched this safety control off."""
    return _mutant == control


def stale(fresh: Mapping[K, V], seen: Mapping[K, V]) -> Mapping[K, V]:
    """What a decision is made from: the fresh rows; with the control `no_stage_condition` broken, those seen before."""
    return seen if broken("no_stage_condition") else fresh


def _maybe_die(name: str) -> None:
    with _lock:
        probability, chances = _armed[name]
        if chances.random() >= probability:
            return
        sys.stdout.write(f'{{"event": "crash.point", "point": "{name}"}}\n')
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)
