"""The workers under test, each in a slot that starts it again whenever it ends, as a supervisor would."""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from local.layout import program, worker_settings
from local.ports import free_port
from local.stack import Member, Stack

REPLICAS = {"ingest": 1, "submitter": 2, "poller": 2, "finisher": 1, "notifier": 2}
LOOK_S = 0.1
RESTART_S = 0.3
POINT = re.compile(r'"event": "crash\.point", "point": "(\w+)"')


@dataclass(frozen=True)
class Exit:
    """A process that ended although nobody killed it; `code` as the system gives it."""

    key: str
    code: int | None
    last_lines: str


@dataclass
class Slot:
    """One worker process, whichever it is just now. Whoever stops or starts it holds `lock`."""

    key: str
    service: str
    log: Path
    make: Callable[[Mapping[str, str]], Member]
    lock: threading.RLock = field(default_factory=threading.RLock)
    armed: bool = False
    starts: int = 0
    crashed: int = 0
    member: Member = field(init=False)

    def start(self, settings: Mapping[str, str] | None = None) -> None:
        """A new process; `settings` beyond the usual ones arm its crash points."""
        self.armed = bool(settings)
        self.starts += 1
        self.member = self.make(settings or {})
        self.member.start()

    def crash_point(self) -> str | None:
        """Where an armed process killed itself: it wrote the point down, and other threads may write after that."""
        if not self.armed or self.member.exit_code != -9:
            return None
        told = POINT.findall(self.log.read_text("utf-8", "replace"))
        seen, self.crashed = self.crashed, len(told)
        return told[-1] if len(told) > seen else None


class Fleet:
    """All slots and their supervisor. `exits`: who ended unasked; `crashes`: at which points they killed themselves."""

    def __init__(
        self, stack: Stack, settings: Mapping[str, str], replicas: Mapping[str, int], crash: Mapping[str, str]
    ) -> None:
        told = worker_settings(stack.folder, stack.at, stack.known) | dict(settings)
        self._crash = crash
        self.slots = [
            self._slot(stack, f"{service}.{number}", service, told)
            for service, count in replicas.items()
            for number in range(1, count + 1)
        ]
        self.exits: list[Exit] = []
        self.crashes: Counter[str] = Counter()
        self._stopping = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, name="supervisor", daemon=True)

    def start(self) -> None:
        """All of them, ready; from then on the supervisor starts again what ends."""
        for slot in self.slots:
            slot.start(self._armed(slot))
        for slot in self.slots:
            slot.member.wait_ready()
        self._supervisor.start()

    def of(self, service: str) -> Sequence[Slot]:
        return [slot for slot in self.slots if slot.service == service]

    def disarm(self) -> None:
        """From now on nobody starts with a crash point; who still has one is replaced."""
        self._crash = {}
        for slot in self.slots:
            with slot.lock:
                if slot.armed:
                    slot.member.kill()
                    slot.start()

    def close(self) -> None:
        self._stopping.set()
        if self._supervisor.is_alive():
            self._supervisor.join()
        for slot in self.slots:
            if hasattr(slot, "member"):
                slot.member.kill()

    def _slot(self, stack: Stack, key: str, service: str, told: Mapping[str, str]) -> Slot:
        port, log = free_port(), stack.logs / f"{key}.log"

        def make(settings: Mapping[str, str]) -> Member:
            env = {**told, "METRICS_PORT": str(port), **settings}
            return Member(
                program(key, f"services.{service}", env, stack.folder), log, f"http://127.0.0.1:{port}/readyz"
            )

        return Slot(key, service, log, make)

    def _armed(self, slot: Slot) -> Mapping[str, str]:
        points = self._crash.get(slot.service)  # `name:probability`; each start has another seed
        return {"TEST_CRASH_POINTS": f"{points}:{slot.starts}"} if points else {}

    def _supervise(self) -> None:
        while not self._stopping.wait(LOOK_S):
            for slot in self.slots:
                if slot.lock.acquire(blocking=False):
                    try:
                        self._look(slot)
                    finally:
                        slot.lock.release()

    def _look(self, slot: Slot) -> None:
        if not slot.member.died_alone:
            return
        point = slot.crash_point()
        if point:
            self.crashes[point] += 1
        else:
            self.exits.append(Exit(slot.key, slot.member.exit_code, slot.member.last_lines(12)))
        time.sleep(RESTART_S)  # a supervisor's own delay
        slot.start(self._armed(slot))
