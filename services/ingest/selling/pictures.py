"""Looking at a picture that a stranger sent: in a process of its own, since this one holds the Stripe key."""

import contextlib
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from common.language import Told, mark
from common.pictures.examiner import Eyes
from common.pictures.facts import JPEG, PNG, WEBP, Look, Seen
from common.pictures.facts import Unfit as Verdict
from services.ingest.web.errors import RETRY_AFTER, ApiError

TAKEN = (JPEG, PNG, WEBP)
AT_ONCE = threading.BoundedSemaphore(2)  # a decoded picture is large: two at a time bound the memory
HERE = threading.BoundedSemaphore(6)  # those and who waits for them: every one has a thread that others need too
PATIENCE_S = 2.0

BUSY = mark("Many pictures are being looked at just now. Please send yours again in a moment.")
TOO_MANY = mark(
    "This picture has too many pixels, %(size)s: at most %(most)s megapixels are taken, and %(held)s of one that "
    "is stored progressively or interlaced."
)
MOVES = mark("This picture moves; only still pictures are enlarged.")
NOT_WHOLE = mark("This file is not a whole JPEG, PNG or WebP picture.")
UNREADABLE = mark("This picture cannot be read. Please save it anew and send it again.")


@dataclass(frozen=True, slots=True)
class Looked:
    """A whole picture: its media type, and its stored size in pixels."""

    media_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Unfit:
    """Not a picture that we take; `why` is for the customer."""

    why: str | Told


@dataclass(frozen=True, slots=True)
class Viewer:
    """What looks at uploads, and how large they may be in megapixels."""

    eyes: Eyes
    max_megapixels: float
    max_held_megapixels: float

    def look(self, file: BinaryIO) -> Looked | Unfit:
        """Check the header, then decode every pixel: a truncated file shows itself only there.

        Raises ExaminerError, and ApiError 503 when too many others wait.
        """
        file.seek(0)
        with _place(), tempfile.NamedTemporaryFile(prefix="enlarger-") as copy:
            shutil.copyfileobj(file, copy)
            copy.flush()
            found = self.eyes.look(Look(copy.name, TAKEN, self.max_megapixels, self.max_held_megapixels))
        return (
            Looked(found.media_type, found.width, found.height) if isinstance(found, Seen) else Unfit(self._told(found))
        )

    def _told(self, verdict: Verdict) -> str | Told:
        match verdict.kind:
            case "too_large":
                most, held = f"{self.max_megapixels:g}", f"{self.max_held_megapixels:g}"
                return Told(TOO_MANY, {"size": _size(verdict.measured), "most": most, "held": held})
            case "moves":
                return MOVES
            case "format" | "undecodable":
                return NOT_WHOLE
        return UNREADABLE


@contextlib.contextmanager
def _place() -> Iterator[None]:
    """One of the few places to look at a picture, soon or not at all. Raises ApiError 503."""
    if not HERE.acquire(blocking=False):
        raise ApiError(503, "busy", BUSY, RETRY_AFTER)
    try:
        if not AT_ONCE.acquire(timeout=PATIENCE_S):
            raise ApiError(503, "busy", BUSY, RETRY_AFTER)
        try:
            yield
        finally:
            AT_ONCE.release()
    finally:
        HERE.release()


def _size(measured: str) -> str:
    """The `4000 x 4000` that a verdict begins with; the rest is in English."""
    found = re.match(r"\d+ x \d+", measured)
    return found[0] if found else measured
