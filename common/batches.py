"""Natural batches and growing waits: the runtime's arithmetic, without I/O."""

import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from common.stages import Plan

MAX_BATCH = 1536
T = TypeVar("T")


def backoff_s(plan: Plan, tries: int, jitter: Callable[[float, float], float] = random.uniform) -> float:
    """Seconds until the next try: growing with the tries, spread by ±10 % so that a crowd does not come back as one."""
    grown = Plan(plan.event, plan.first_s, plan.every_s, grows=True, longest_s=plan.longest_s).wait_s(tries)
    return grown * jitter(0.9, 1.1)


def natural_batch(waiting: deque[T]) -> list[T]:
    """Take out what is there. Nobody else takes anything meanwhile."""
    return [waiting.popleft() for _ in range(min(len(waiting), MAX_BATCH))]


def one_per_key(items: Sequence[T], key: Callable[[T], object]) -> list[list[T]]:
    """Split so that no batch has two items of one key (here: two deliveries of one job), keeping each key's order."""
    found = [key(item) for item in items]
    if len(set(found)) == len(found):  # as nearly always
        return [list(items)] if items else []
    batches: list[list[T]] = []
    seen: dict[object, int] = {}
    for item, known in zip(items, found, strict=True):
        index = seen.get(known, -1) + 1
        seen[known] = index
        if index == len(batches):
            batches.append([])
        batches[index].append(item)
    return batches
