"""The one byte range of a request (RFC 9110, section 14). Several ranges are answered with the whole file."""

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=[ \t]*(\d{0,19})[ \t]*-[ \t]*(\d{0,19})[ \t]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes `start` to `end` (exclusive)."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Whole:
    """No range that we honour: the file as a whole."""


@dataclass(frozen=True, slots=True)
class Unsatisfiable:
    """The range lies outside the file: 416."""


def parse(header: str | None, size: int, if_range: str | None = None, etag: str = "") -> Part | Whole | Unsatisfiable:
    """What to send of `size` bytes. With `If-Range`, a part only of the very file that the client has a part of."""
    match = _RANGE.fullmatch(header) if header else None
    if match is None or (if_range is not None and if_range.strip() != etag):
        return Whole()
    first, last = match.groups()
    if not first and not last:
        return Whole()
    if not first:
        count = min(int(last), size)
        return Part(size - count, size) if count else Unsatisfiable()
    start, end = int(first), min(int(last) + 1, size) if last else size
    if last and int(last) < start:
        return Whole()
    return Part(start, end) if start < size else Unsatisfiable()
