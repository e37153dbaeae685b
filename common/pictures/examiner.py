"""The outer side of the wall: every untrusted picture is decoded in a process of its own, which ends with it.

The process has bounds (memory, CPU, files, time), no secrets in its environment, and no open file but its pipes. If it
crashes, hangs or talks nonsense, that is a verdict about the picture; not so if somebody killed it, most often a kernel
that ran out of memory, or if the disk was full. See docs/decisions/0010.
"""

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Generic, TypeVar

import structlog
from prometheus_client import Histogram
from pydantic import TypeAdapter, ValidationError

from common.metrics import SECONDS
from common.pictures.child import NO_ROOM
from common.pictures.facts import Bounds, Seen, Unfit

ROOT = Path(__file__).resolve().parents[2]
MAX_ANSWER = 64 * 1024
MAX_COMPLAINT = 500
KILLED, KILLED_TRIES = "decoder_killed", 3  # in an order's history; one whose decoder always is, is too costly
BY_SOMEBODY = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
LOOK_SECONDS = Histogram(
    "enlarger_decode_seconds", "Seconds to decode one picture in its process.", ["verdict"], buckets=SECONDS
)

AnswerT = TypeVar("AnswerT")
log = structlog.get_logger()


class ExaminerError(Exception):
    """The process could not be started: our trouble, not the picture's."""


class KilledError(ExaminerError):
    """The process was killed, not by its bounds, or says that there was no room for what it made, which the picture may
    have made it say. Whoever asks again and again must end it: see KILLED_TRIES.
    """


class Examiner(Generic[AnswerT]):
    """Starts `python -m module` for each task. `answer`: the dataclass that it answers with when the picture is fit."""

    def __init__(self, module: str, answer: type[AnswerT], bounds: Bounds) -> None:
        self._command = [sys.executable, "-P", "-m", module]
        self._name = answer.__name__
        self._answer = TypeAdapter(answer)
        self._bounds = bounds

    def look(self, task: Any) -> AnswerT | Unfit:
        """Have one picture looked at; `task` is the module's own dataclass. Raises ExaminerError."""
        began = time.monotonic()
        told = json.dumps({"bounds": asdict(self._bounds), "task": asdict(task)}) + "\n"
        kind = "none"
        try:
            verdict = self._ask(told)
            kind = verdict.kind if isinstance(verdict, Unfit) else "fit"
        finally:
            LOOK_SECONDS.labels(kind).observe(time.monotonic() - began)
        return verdict

    def _ask(self, told: str) -> AnswerT | Unfit:
        with tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as complaint:
            try:
                child = subprocess.Popen(  # noqa: S603 - our own module by our own interpreter
                    self._command, stdin=subprocess.PIPE, stdout=answer, stderr=complaint,
                    env=_environment(), cwd=tempfile.gettempdir(), start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                raise ExaminerError(f"no process could be started to decode a picture: {error}") from error
            ended = self._wait(child, told)
            if ended:
                complaint.seek(max(complaint.tell() - MAX_COMPLAINT, 0))
                said = complaint.read(MAX_COMPLAINT).decode("utf-8", "replace")
                log.warning("picture.not_decoded", kind=ended.kind, measured=ended.measured, said=said)
                return ended
            answer.seek(0)
            return self._parsed(answer.read(MAX_ANSWER))

    def _wait(self, child: "subprocess.Popen[bytes]", told: str) -> Unfit | None:
        """None when the process ended by itself and in peace. Raises ExaminerError."""
        with child:
            try:
                child.communicate(told.encode(), timeout=self._bounds.wall_s)
            except subprocess.TimeoutExpired:
                return Unfit("too_costly", f"decoding it took more than {self._bounds.wall_s:g} s")
            finally:
                child.kill()
        if child.returncode == NO_ROOM:
            raise KilledError("no room was left for what was made of a picture")
        match -child.returncode:
            case 0:
                return None
            case number if number in BY_SOMEBODY:
                raise KilledError("the process that decoded a picture was killed: is there too little memory?")
            case signal.SIGXCPU:
                return Unfit("too_costly", "decoding it took too much CPU time")
            case number if number > 0:
                return Unfit("decoder_crashed", f"the process that decoded it ended by signal {number}")
        return Unfit("decoder_crashed", f"the process that decoded it ended with {child.returncode}")

    def _parsed(self, answer: bytes) -> AnswerT | Unfit:
        """What the process said; it has read the file, so its word is untrusted too."""
        try:
            told = json.loads(answer)
            if isinstance(told, Mapping) and told.get("kind") == "Unfit":
                return _UNFIT.validate_python(told.get("answer"))
            return self._answer.validate_python(told["answer"])
        except (ValueError, KeyError, TypeError, ValidationError):
            return Unfit("decoder_crashed", "the process that decoded it gave no answer")


class Eyes(Examiner[Seen]):
    """The examiner that only looks: task `Look`, answer `Seen`."""

    def __init__(self, bounds: Bounds) -> None:
        super().__init__("common.pictures.look", Seen, bounds)


_UNFIT = TypeAdapter(Unfit)


def _environment() -> dict[str, str]:
    """All that the process is given: none of ours, for ours holds the keys."""
    return {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "LC_ALL": "C.UTF-8",
        "VIPS_BLOCK_UNTRUSTED": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",  # an arena for each thread would count as address space
    }
