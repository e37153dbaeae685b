"""What an earlier run left behind when it was killed itself: found by its record, never by name."""

import os
import signal
from pathlib import Path

_RECORD = "started.txt"


def record(folder: Path, pid: int, name: str) -> None:
    """Notes in `folder` that process `pid` is ours, with the moment it started (ids are used again)."""
    with (folder / _RECORD).open("a") as file:
        file.write(f"{pid} {_started_at(pid)} {name}\n")


def sweep(folder: Path) -> list[str]:
    """Kills every process group recorded in `folder` that still runs; the names of those killed.

    Without /proc (outside Linux) the moment of the start is unknown, and nothing is killed.
    """
    file = folder / _RECORD
    if not file.exists():
        return []
    lines = [line.split(" ", 2) for line in file.read_text().splitlines()]
    swept = [name for pid, started_at, name in lines if _kill(int(pid), started_at)]
    file.unlink()
    return swept


def _kill(pid: int, started_at: str) -> bool:
    if started_at in ("", "-") or _started_at(pid) != started_at:
        return False
    os.killpg(pid, signal.SIGKILL)
    return True


def _started_at(pid: int) -> str:
    """Clock ticks between the machine's boot and the start of `pid`; "-" when it is gone or unknown."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "-"
    state, started_at = fields[0], fields[19]
    return "-" if state == "Z" else started_at
