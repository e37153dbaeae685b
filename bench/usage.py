"""CPU and memory of processes and their children, read from /proc."""

import os
from collections.abc import Mapping
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_USER, _WAITED_SYSTEM = 11, 15  # in /proc/PID/stat, counted behind the name: utime, stime, cutime, cstime


def tree(pid: int) -> list[int]:
    """`pid` and all that descends from it."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return []
    return [pid, *(found for task in tasks for child in _children(task) for found in tree(child))]


def _children(task: Path) -> list[int]:
    """The children that one thread has started."""
    try:
        return [int(child) for child in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):  # a thread that has just ended
        return []


def cpu_s(pid: int) -> float:
    """CPU-seconds of the process, of its living children, and of those that ended and were waited for."""
    return sum(_cpu_of(found) for found in tree(pid))


def _cpu_of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, fields[_USER:_WAITED_SYSTEM])) / _TICKS


def rss_mb(pid: int, *, alone: bool = False) -> float:
    """Resident memory, in MB of 10^6 bytes, of the process and (unless `alone`) its children."""
    return sum(map(_rss_kib, [pid] if alone else tree(pid))) * 1024 / 1e6


def _rss_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)


class Meter:
    """CPU-seconds per name since it was made."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = pids
        self._before = {name: cpu_s(pid) for name, pid in pids.items()}

    def cpu(self) -> dict[str, float]:
        return {name: cpu_s(pid) - self._before[name] for name, pid in self._pids.items()}

    def rss(self) -> dict[str, float]:
        return {name: round(rss_mb(pid), 1) for name, pid in self._pids.items()}
