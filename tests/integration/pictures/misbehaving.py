"""A child that does what a picture might make a decoder do: `python -m tests.integration.pictures.misbehaving`."""

import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.pictures.child import serve, written


@dataclass(frozen=True, slots=True)
class Told:
    """What the child found in its own process."""

    environment: dict[str, str]
    limits: dict[str, int]
    files: int
    capabilities: int


@dataclass(frozen=True, slots=True)
class Pried:
    """What the child could read of another process: a file of /proc, and how it begins or why it cannot be read."""

    found: dict[str, str]


def _pry(pid: int) -> Pried:
    def read(name: str) -> str:
        try:
            with Path(f"/proc/{pid}/{name}").open("rb") as file:
                return file.read(100_000).decode("latin-1") if name == "environ" else "opened"
        except PermissionError:
            return "refused"

    return Pried({name: read(name) for name in ("environ", "mem", "maps")})


def _report() -> Told:
    names = ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_CORE")
    limits = {name: resource.getrlimit(getattr(resource, name))[1] for name in names}
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    capabilities = int(status["CapEff"], 16) | int(status["CapPrm"], 16)
    return Told(dict(os.environ), limits, len(list(Path("/proc/self/fd").iterdir())), capabilities)


def _spin() -> None:
    while True:
        pass


def _nonsense() -> None:
    sys.stdout.write('{"kind": "Told", "answer": [1, 2')
    sys.stdout.flush()
    os._exit(0)


def _fill() -> None:
    with written():
        Path("/dev/full").write_bytes(b"a small copy")


WAYS: dict[str, Callable[[], object]] = {
    "report": _report,
    "crash": os.abort,
    "raise": lambda: 1 // 0,
    "hang": lambda: time.sleep(600),
    "spin": _spin,
    "eat": lambda: bytearray(1 << 34),
    "nonsense": _nonsense,
    "silence": lambda: os._exit(0),
    "die": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "be_told": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "fill": _fill,
}


def _answer(task: Mapping[str, Any]) -> object:
    if task["way"] == "pry":
        return _pry(task["pid"])
    if task["way"] == "write":
        return Path(task["path"]).write_bytes(bytes(64 << 20))
    return WAYS[task["way"]]()


if __name__ == "__main__":
    serve(_answer)
