"""JPEG (ITU-T T.81, annex B): segments up to the scans, and whatever stands between scans."""

import re

from services.finisher.privacy.exif import exif
from services.finisher.privacy.pieces import File, Piece, UnknownLayoutError, add, number, within

SOI, EOI, SOS, COM, APP0, APP2, APP14 = 0xD8, 0xD9, 0xDA, 0xFE, 0xE0, 0xE2, 0xEE
APPS = range(0xE0, 0xF0)
ALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a body
JFIF_BYTES = 14  # its fixed fields; a thumbnail follows
_FILL = re.compile(rb"\xff+")
_NEXT = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # behind a scan's data: a marker that is no restart


def pieces(file: File, orientation: int) -> list[Piece]:
    """Keep tables, frames, scans, colour profile and colour transform; drop the rest."""
    kept: list[Piece] = [within(file, 0, 2)]
    noted = orientation == 1
    at = 2
    while True:
        at, marker = _marker(file, at)
        if marker == EOI:
            add(kept, within(file, at, 2))
            return kept
        if marker in ALONE:  # outside a scan it says nothing
            at += 2
            continue
        segment = within(file, at, 2 + number(file, at + 2, 2))
        if marker != APP0 and not noted:
            add(kept, _orientation(orientation))
            noted = True
        for piece in _kept(file, marker, segment):
            add(kept, piece)
        at = segment.stop
        if marker == SOS:
            at = _scan_end(file, at)
            add(kept, range(segment.stop, at))


def _marker(file: File, at: int) -> tuple[int, int]:
    """Where the next marker begins (its last 0xFF), and which it is."""
    fill = _FILL.match(file, at)
    if fill is None:
        raise UnknownLayoutError(f"no marker at {at}")
    return fill.end() - 1, number(file, fill.end(), 1)


def _kept(file: File, marker: int, segment: range) -> list[Piece]:
    body = file[segment.start + 4 : min(segment.start + 4 + JFIF_BYTES, segment.stop)]
    if marker == APP0:
        return _jfif(body, segment)
    if marker == APP2:
        return [segment] if body.startswith(b"ICC_PROFILE\0") else []
    if marker == APP14:
        return [segment] if body.startswith(b"Adobe") else []
    return [] if marker in APPS or marker == COM else [segment]


def _jfif(body: bytes, segment: range) -> list[Piece]:
    """The fixed fields, without the thumbnail that may follow them."""
    if not body.startswith(b"JFIF\0") or len(body) < JFIF_BYTES:
        return []
    plain = len(segment) == 4 + JFIF_BYTES and body.endswith(b"\0\0")
    return [segment] if plain else [b"\xff\xe0\x00\x10" + body[:12] + b"\0\0"]


def _scan_end(file: File, at: int) -> int:
    found = _NEXT.search(file, at)
    if found is None:
        raise UnknownLayoutError("the last scan has no end")
    return found.start()


def _orientation(orientation: int) -> bytes:
    body = b"Exif\0\0" + exif(orientation)
    return b"\xff\xe1" + (len(body) + 2).to_bytes(2) + body
