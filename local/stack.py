"""The whole system as processes of this machine: the stand-ins and the five workers, one process each.

    with Stack(folder, amqp_url=…, database_url=…, settings={"POLL_FIRST_S": "1"}) as stack:
        stack.worker("submitter").kill()
        stack.worker("submitter").start()
        stack.worker("submitter").wait_ready()

`local.system.system(folder)` starts the servers too.
"""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

from local.layout import (
    SANDBOX,
    WORKERS,
    Addresses,
    Secrets,
    program,
    sandbox_settings,
    worker_settings,
)
from local.processes import TERMINATE_S, LocalError, Process, Program, await_condition

READY_S = 100.0  # for a machine with far more to do than to start us; who dies is told at once
_REQUEST_S = 2.0
_LAST_LINES = 30

_HINTS = {
    1: "It stopped over an error: the reason stands in the lines above.",
    2: "It refused a setting: the name and the reason stand in the lines above.",
    70: "It ended itself because one of its threads hung: the lines above say which.",
    -9: "Somebody killed it, most likely the system, for memory: free some, or use a bigger machine.",
}


class DiedError(LocalError):
    """A process of the system ended although nobody asked it to."""

    def __init__(self, process: Process) -> None:
        self.process = process
        code = process.exit_code if process.exit_code is not None else 0
        hint = _HINTS.get(code, "The reason should stand in the lines above.")
        super().__init__(
            f"{process.name} ended by itself with exit code {code}. Its last lines:\n"
            f"{process.last_lines(_LAST_LINES)}\n{hint} The whole log: {process.log}"
        )


class Member(Process):
    """A process of the system, which says over HTTP when it is ready."""

    def __init__(self, what: Program, log: Path, ready_url: str) -> None:
        super().__init__(what, log)
        self._ready_url = ready_url

    def ready(self) -> bool:
        try:
            return requests.get(self._ready_url, timeout=_REQUEST_S).ok
        except requests.RequestException:
            return False

    def wait_ready(self, within_s: float = READY_S) -> None:
        """Raises `DiedError` when it ends meanwhile, `LocalError` when time is over."""
        try:
            await_condition(self.ready, within_s, f"{self.name} to be ready", self)
        except LocalError:
            if self.died_alone:
                raise DiedError(self) from None
            raise


class Stack:
    """Stand-ins and workers. `settings` override what the workers are told, `sandbox` what the stand-ins are."""

    def __init__(
        self,
        folder: Path,
        *,
        amqp_url: str,
        database_url: str,
        settings: Mapping[str, str] | None = None,
        sandbox: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder.resolve()
        self.logs = self.folder / "logs"
        self.at = Addresses()
        self.known = Secrets()
        self.database_url = database_url
        self.amqp_url = amqp_url
        (self.folder / "files").mkdir(parents=True, exist_ok=True)
        told = sandbox_settings(self.at, self.known) | dict(sandbox or {})
        self._sandbox = {name: self._stand_in(name, told) for name in SANDBOX}
        servers = {"AMQP_URL": amqp_url, "DATABASE_URL": database_url}
        told = worker_settings(self.folder, self.at, self.known) | servers | dict(settings or {})
        self._workers = {name: self._worker(name, told) for name in WORKERS}

    def __enter__(self) -> Self:
        try:
            self.start_sandbox()
            self.start_workers()
            self.wait_ready()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def workers(self) -> tuple[Member, ...]:
        return tuple(self._workers.values())

    @property
    def members(self) -> tuple[Member, ...]:
        return (*self._sandbox.values(), *self._workers.values())

    def worker(self, name: str) -> Member:
        return self._workers[name]

    def stand_in(self, name: str) -> Member:
        return self._sandbox[name]

    def start_sandbox(self) -> None:
        _start(self._sandbox.values())

    def start_workers(self) -> None:
        _start(self._workers.values())

    def wait_ready(self, within_s: float = READY_S) -> None:
        """Until every member answers that it is ready; the first one that died or is late is the error."""
        deadline = time.monotonic() + within_s
        for member in self.members:
            member.wait_ready(max(deadline - time.monotonic(), 0.1))

    def check(self) -> None:
        """Raises `DiedError` for the first process that ended although nobody asked it to."""
        for member in self.members:
            if member.died_alone:
                raise DiedError(member)

    def close(self) -> None:
        """Ends everything in reverse order: workers, then stand-ins; SIGTERM, and SIGKILL 10 s later."""
        for group in (self._workers, self._sandbox):
            _terminate(group.values())

    def _stand_in(self, name: str, told: Mapping[str, str]) -> Member:
        what = program(f"sandbox {name}", f"sandbox.{name}", told, self.folder)
        return Member(what, self.logs / f"sandbox-{name}.log", f"{self.at.sandbox(name)}/healthz")

    def _worker(self, name: str, told: Mapping[str, str]) -> Member:
        port = {"METRICS_PORT": str(self.at.health_ports[name])}
        what = program(name, f"services.{name}", port | dict(told), self.folder)
        return Member(what, self.logs / f"{name}.log", f"{self.at.health(name)}/readyz")


def _start(members: Iterable[Member]) -> None:
    for member in members:
        member.start()


def _terminate(members: Iterable[Member]) -> None:
    """All at once: each needs its own time to finish what it does."""
    with ThreadPoolExecutor(max_workers=10) as pool:
        list(pool.map(lambda member: member.terminate(TERMINATE_S), members))
