"""When which fault comes: decided by the seed before anything starts."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from random import Random

import psycopg
import requests

from local.processes import LocalError
from tests.chaos.faults import FAULTS
from tests.chaos.world import World

FIRST_S = 2.0
LAST_SHARE = 0.88  # of the time: a fault needs its own, too; those of calls bite while there are orders
ORDERS_SHARE = 0.75
BURST_SHARE = 0.15


@dataclass(frozen=True, order=True)
class Instant:
    """One fault to come, `at` seconds after the start; `seed` decides its victim."""

    at: float
    fault: str
    seed: str


def faults(seed: int, seconds: float, names: Sequence[str]) -> list[Instant]:
    """Each named fault as often as its rate says, at least once when few are asked for."""
    instants = []
    for name in names:
        chances = Random(f"{seed}:{name}")  # noqa: S311 - a schedule, no secret
        often = FAULTS[name].per_minute * seconds / 60
        times = int(often) + (chances.random() < often % 1)
        if len(names) < len(FAULTS):
            times = max(times, 2)
        for number in range(times):
            last = seconds * (ORDERS_SHARE if FAULTS[name].act.__module__.endswith("outside") else LAST_SHARE)
            at = chances.uniform(FIRST_S, max(last, FIRST_S))
            instants.append(Instant(at, name, f"{seed}:{name}:{number}"))
    return sorted(instants)


def orders(seed: int, seconds: float, count: int) -> list[float]:
    """When each order comes: spread, and some of them all at once (F36)."""
    chances = Random(f"{seed}:orders")  # noqa: S311 - a schedule, no secret
    burst_at = seconds * ORDERS_SHARE / 2
    burst = int(count * BURST_SHARE)
    return sorted([burst_at] * burst + [chances.uniform(0, seconds * ORDERS_SHARE) for _ in range(count - burst)])


class Conductor:
    """Plays the faults on time; they may overlap."""

    def __init__(self, world: World, instants: Sequence[Instant]) -> None:
        self._world = world
        self._instants = instants
        self._pool = ThreadPoolExecutor(24, thread_name_prefix="fault")

    def play(self, seconds: float, trouble: Callable[[], None]) -> None:
        """Returns when the time is over and every fault has ended; a fault's own error is raised, and `trouble`'s."""
        began = time.monotonic()
        playing: list[Future[None]] = [self._pool.submit(trouble)]
        for instant in self._instants:
            time.sleep(max(began + instant.at - time.monotonic(), 0))
            playing.append(self._pool.submit(self._play, instant))
        time.sleep(max(began + seconds - time.monotonic(), 0))
        self._pool.shutdown(wait=True)
        for future in playing:
            future.result()

    def _play(self, instant: Instant) -> None:
        chances = Random(instant.seed)  # noqa: S311 - a schedule, no secret
        try:
            times = FAULTS[instant.fault].act(self._world, chances)
        except (requests.RequestException, psycopg.Error, LocalError) as error:
            self._world.diary.missed.append(f"{instant.fault}: {error}")  # another fault bites its target just now
        else:
            self._world.diary.bit(instant.fault, times)
