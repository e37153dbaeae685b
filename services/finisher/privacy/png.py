"""PNG (W3C, third edition): chunks."""

import zlib

from services.finisher.privacy.exif import exif
from services.finisher.privacy.pieces import File, Piece, add, number, within

SIGNATURE = 8
AROUND = 12  # length, type and checksum of a chunk
KEPT = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"pHYs",
     b"cICP", b"mDCV", b"cLLI"}
)  # fmt: skip


def pieces(file: File, orientation: int) -> list[Piece]:
    """Keep pixels, palette, transparency and colour; drop the rest."""
    kept: list[Piece] = [within(file, 0, SIGNATURE)]
    at, noted = SIGNATURE, orientation == 1
    while True:
        chunk = within(file, at, AROUND + number(file, at, 4))
        kind = file[at + 4 : at + 8]
        if kind == b"IDAT" and not noted:
            add(kept, _chunk(b"eXIf", exif(orientation)))
            noted = True
        if kind in KEPT:
            add(kept, chunk)
        at = chunk.stop
        if kind == b"IEND":
            return kept


def _chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)
