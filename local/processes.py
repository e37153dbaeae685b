"""Processes that we start: each in its own group, logged to a file, recorded, and stopped by its id alone."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local import leftovers

POLL_S = 0.02
TERMINATE_S = 10.0

# What a child inherits from us. Settings of the person at the keyboard must not leak into a private system.
_INHERITED = ("PATH", "HOME", "LANG", "TZ")
_INHERITED_TLS = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class LocalError(Exception):
    """Something on this machine did not start, or died. The message is for people."""


@dataclass(frozen=True)
class Program:
    """What to run: `env` is the whole environment, `user` another user to run as (only root may)."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    user: str | None = None
    cwd: Path | None = None


def child_environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for a child: a few inherited names and `settings`, nothing else of ours."""
    inherited = {name: os.environ[name] for name in (*_INHERITED, *_INHERITED_TLS) if name in os.environ}
    return {"LANG": "C.UTF-8"} | inherited | dict(settings or {})


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A signal that ends us comes after the block: a process that is not on record yet would be ended by nobody."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are handled in the main thread alone
        return
    came: list[int] = []
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    ours = {number: handler for number, handler in kept.items() if callable(handler)}
    for number in ours:
        signal.signal(number, lambda told, _frame: came.append(told))
    try:
        yield
    finally:
        for number, handler in ours.items():
            signal.signal(number, handler)
        for told in came:
            signal.raise_signal(told)


class Process:
    """One program that can be started, stopped and started again; everything it prints goes to `log`."""

    def __init__(self, program: Program, log: Path) -> None:
        self.name = program.name
        self.log = log
        self._program = program
        self._popen: subprocess.Popen[bytes] | None = None
        self._asked_to_stop = False

    @property
    def pid(self) -> int | None:
        return self._popen.pid if self._popen else None

    @property
    def env(self) -> Mapping[str, str]:
        """The whole environment that it is started with; a worker's cannot be read from outside."""
        return self._program.env

    @property
    def alive(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    @property
    def exit_code(self) -> int | None:
        return self._popen.poll() if self._popen else None

    @property
    def died_alone(self) -> bool:
        """True when it was started, has ended, and nobody asked it to."""
        return self._popen is not None and not self.alive and not self._asked_to_stop

    def start(self) -> None:
        if self.alive:
            raise LocalError(f"{self.name} is running already (process {self.pid})")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        user = self._program.user
        with self.log.open("ab") as log, _undisturbed():
            self._popen = subprocess.Popen(
                self._program.command,
                env=dict(self._program.env),
                cwd=self._program.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
                user=user,
                group=_group_of(user) if user else None,
                extra_groups=[] if user else None,
            )
            leftovers.record(self.log.parent, self._popen.pid, self.name)
        self._asked_to_stop = False

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to the whole group, unless it has ended."""
        if self._popen is None or self._popen.poll() is not None:
            return
        self._asked_to_stop |= number not in (signal.SIGSTOP, signal.SIGCONT)
        os.killpg(self._popen.pid, number)

    def pause(self) -> None:
        self.send(signal.SIGSTOP)

    def resume(self) -> None:
        self.send(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, and waits until it is gone."""
        self.send(signal.SIGKILL)
        self.wait()

    def terminate(self, within_s: float = TERMINATE_S, number: signal.Signals = signal.SIGTERM) -> None:
        """Asks it to stop; kills it when it has not ended `within_s` seconds later."""
        self.send(number)
        self.send(signal.SIGCONT)
        try:
            self.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def wait(self, within_s: float | None = None) -> int | None:
        return self._popen.wait(within_s) if self._popen else None

    def last_lines(self, count: int = 30) -> str:
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - 200 * count))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-count:])


def await_condition(met: Callable[[], bool], within_s: float, what: str, process: Process | None = None) -> None:
    """Polls `met`; raises `LocalError` saying `what` was awaited when time is over or `process` has ended."""
    deadline = time.monotonic() + within_s
    while not met():
        if process is not None and not process.alive:
            raise LocalError(_ended(process))
        if time.monotonic() > deadline:
            lines = f" Its last lines:\n{process.last_lines()}" if process else ""
            raise LocalError(f"waited {within_s:.0f} s for {what} in vain.{lines}")
        time.sleep(POLL_S)


def _ended(process: Process) -> str:
    return (
        f"{process.name} ended with exit code {process.exit_code}. Its last lines ({process.log}):\n"
        f"{process.last_lines()}"
    )


def _group_of(user: str) -> int:
    import pwd  # noqa: PLC0415 - Windows has no such module, and needs none of this

    return pwd.getpwnam(user).pw_gid
