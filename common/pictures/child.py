"""The inner side of the wall: a process that looks at one untrusted picture and ends.

It is started with nothing in its environment that is worth having, takes its task as one line of JSON, bounds itself
before it opens the file, and answers with one line. Whatever becomes of it, the outer side has a verdict.
"""

import errno
import json
import os
import resource
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import Any

from common import privileges

MEGABYTE = 1 << 20
MAX_WRITTEN = 32 * MEGABYTE  # a small copy and nothing more
MAX_FILES = 64
NO_ROOM = 75  # how it ends when the disk is full: that says nothing about the picture
FULL = {errno.ENOSPC, errno.EDQUOT}


def serve(answer: Callable[[Mapping[str, Any]], object]) -> None:
    """Read the task from standard input, bound this process, print what `answer` makes of it."""
    told = json.loads(sys.stdin.readline())
    bound(told["bounds"])
    found = answer(told["task"])
    if not is_dataclass(found) or isinstance(found, type):
        raise TypeError(f"{found!r} is no answer")
    with written():
        print(json.dumps({"kind": type(found).__name__, "answer": asdict(found)}), flush=True)  # noqa: T201 - the answer


@contextmanager
def written() -> Iterator[None]:
    """Around whatever writes: ends the process where the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        os._exit(NO_ROOM)


def bound(bounds: Mapping[str, Any]) -> None:
    """Nothing that the file makes this process do can cost more than this, or look into the worker that started it."""
    privileges.give_up()
    cpu_s, memory = int(bounds["cpu_s"]), int(bounds["memory_mb"]) * MEGABYTE
    for what, soft, hard in (
        (resource.RLIMIT_AS, memory, memory),
        (resource.RLIMIT_CPU, cpu_s, cpu_s + 1),  # at the first SIGXCPU: a SIGKILL is then somebody else's
        (resource.RLIMIT_FSIZE, MAX_WRITTEN, MAX_WRITTEN),
        (resource.RLIMIT_NOFILE, MAX_FILES, MAX_FILES),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        resource.setrlimit(what, (soft, hard))
