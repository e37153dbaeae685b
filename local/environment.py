"""Making `.venv` and filling it from a lock, with one line for each step. Standard library only."""

import fcntl
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from local.bootstrap import PYTHON, ROOT, VENV, half_made, is_ready, mark_ready, mark_unfinished

_FOLDER = ROOT / ".enlarger"
_LOG = _FOLDER / "bootstrap.log"
_PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--no-deps", "--require-hashes")


class _StepError(Exception):
    """A step of the set-up failed. The message is for people."""


def make_ready(lock: str) -> None:
    """Makes the environment, or brings it up to `lock`; ends the process with a message when it cannot."""
    try:
        with _alone():
            if not is_ready(lock):
                _make(lock)
    except _StepError as error:
        sys.exit(f"enlarger: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def _make(lock: str) -> None:
    if half_made():
        _step("making .venv", _make_venv)
    mark_unfinished()
    packages = sum("==" in line for line in (ROOT / lock).read_text().splitlines())
    _step(f"installing {packages} packages", lambda: _install(lock))
    mark_ready(lock)


def _make_venv() -> None:
    shutil.rmtree(VENV, ignore_errors=True)
    try:
        _call(sys.executable, "-m", "venv", str(VENV))
    except _StepError as error:
        hint = "On Debian and Ubuntu: apt-get install python3-venv"
        shutil.rmtree(VENV, ignore_errors=True)
        raise _StepError(f"{sys.executable} cannot make a virtual environment. {hint}\n{error}") from None


def _install(lock: str) -> None:
    """Compiling on all cores afterwards takes pip half the time of compiling one file after the other."""
    _call(str(PYTHON), *_PIP, "--no-compile", "-r", str(ROOT / lock))
    _call(str(PYTHON), "-m", "compileall", "-q", "-j", "0", str(VENV / "lib"), may_fail=True)


def _call(*command: str, may_fail: bool = False) -> None:
    with _LOG.open("ab") as log:
        done = subprocess.run(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, check=False)
    if done.returncode and not may_fail:
        raise _StepError(f"{_last_lines()}\nThe whole output is in {_LOG}")


def _last_lines() -> str:
    return "\n".join(_LOG.read_text(errors="replace").splitlines()[-15:])


def _step(what: str, work: Callable[[], None]) -> None:
    began = time.monotonic()
    sys.stderr.write(f"enlarger: {what} … ")
    sys.stderr.flush()
    work()
    sys.stderr.write(f"{time.monotonic() - began:.1f} s\n")


@contextmanager
def _alone() -> Iterator[None]:
    """Only one start at a time sets up; the others wait, and then find it done."""
    _FOLDER.mkdir(exist_ok=True)
    with (_FOLDER / "bootstrap.lock").open("w") as guard:
        _lock(guard)
        _LOG.write_bytes(b"")
        yield


def _lock(guard: TextIO) -> None:
    try:
        fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.stderr.write("enlarger: another start is setting up .venv, waiting for it\n")
        fcntl.flock(guard, fcntl.LOCK_EX)
