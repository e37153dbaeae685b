"""The environment in `.venv`: made once from a lock, checked in a millisecond after that. Standard library only.

A stamp in `.venv` holds the hashes of the locks that are installed. Another file stands there while pip is at work:
an environment that still has it was left half-made, and is made anew.
"""

import hashlib
import os
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
PLAIN, DEV = "requirements.lock", "requirements-dev.lock"
_DEV_COMMANDS = ("test", "screens", "chaos", "bench", "docs", "dashboards", "load", "sbom")
_STAMP, _UNFINISHED = VENV / "enlarger.stamp", VENV / "enlarger.unfinished"


def run(arguments: list[str]) -> NoReturn:
    """Becomes `python -m cli` with these arguments, in an environment that has what they need."""
    lock = DEV if arguments and arguments[0] in _DEV_COMMANDS else PLAIN
    if not is_ready(lock):
        from local.environment import make_ready  # noqa: PLC0415 - the usual start must not load it

        make_ready(lock)
    # -P and not the current folder: a stranger's folder named `cli` is not ours.
    command = [str(PYTHON), "-P", "-m", "cli", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    os.execve(PYTHON, command, environment)  # noqa: S606 - to become it is the purpose


def is_ready(lock: str) -> bool:
    """Whether `.venv` holds exactly what `lock` says; the development lock holds the plain one."""
    return not half_made() and f"{lock} {digest(lock)}" in installed()


def installed() -> list[str]:
    return _STAMP.read_text().splitlines() if _STAMP.exists() else []


def digest(lock: str) -> str:
    return hashlib.sha256((ROOT / lock).read_bytes()).hexdigest()


def mark_unfinished() -> None:
    _STAMP.unlink(missing_ok=True)
    _UNFINISHED.touch()


def mark_ready(lock: str) -> None:
    locks = (PLAIN, DEV) if lock == DEV else (PLAIN,)
    _STAMP.write_text("".join(f"{name} {digest(name)}\n" for name in locks))
    _UNFINISHED.unlink(missing_ok=True)


def half_made() -> bool:
    return _UNFINISHED.exists() or not PYTHON.exists()
