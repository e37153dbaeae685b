"""The machine of a measurement, as a reader needs it to judge the figures."""

import os
import platform
from pathlib import Path


def described() -> dict[str, str]:
    """CPU, cores, memory, system, Python."""
    return {
        "CPU": _line(Path("/proc/cpuinfo"), "model name") or platform.processor() or "unknown",
        "cores": str(os.cpu_count()),
        "memory": f"{int((_line(Path('/proc/meminfo'), 'MemTotal') or '0 kB').split()[0]) / 1024**2:.0f} GiB",
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "Python": platform.python_version(),
    }


def _line(file: Path, name: str) -> str | None:
    lines = file.read_text().splitlines() if file.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), None)
