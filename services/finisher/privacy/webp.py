"""WebP (RFC 9649): chunks in a RIFF container."""

from services.finisher.privacy.exif import exif
from services.finisher.privacy.pieces import File, Piece, number, within

HEAD = 12
KEPT = frozenset({b"ICCP", b"ALPH", b"VP8 ", b"VP8L"})
KNOWN = KEPT | {b"VP8X"}
ICC_FLAG, ALPHA_FLAG, EXIF_FLAG = 0x20, 0x10, 0x08
VP8X_BYTES = 10


def pieces(file: File, orientation: int, size: tuple[int, int], *, alpha: bool) -> list[Piece]:
    """Keep pixels, transparency and colour profile; drop the rest. `size`: the picture's, as stored."""
    chunks = dict(_chunks(file))
    kept: list[Piece] = [chunk for kind, chunk in chunks.items() if kind in KEPT]
    flags = (ICC_FLAG if b"ICCP" in chunks else 0) | (ALPHA_FLAG if alpha else 0)
    if orientation != 1:
        kept.append(_chunk(b"EXIF", exif(orientation)))
        flags |= EXIF_FLAG
    if orientation != 1 or b"VP8X" in chunks:
        body = bytes((flags, 0, 0, 0)) + b"".join((side - 1).to_bytes(3, "little") for side in size)
        kept.insert(0, _chunk(b"VP8X", body))
    length = 4 + sum(map(len, kept))
    head: list[Piece] = [b"RIFF" + length.to_bytes(4, "little") + b"WEBP"]
    if file[:HEAD] == head[0] and b"VP8X" in chunks and kept[0] == file[HEAD : HEAD + 8 + VP8X_BYTES]:
        return [range(HEAD + 8 + VP8X_BYTES), *kept[1:]]
    return [range(HEAD), *kept] if file[:HEAD] == head[0] else [*head, *kept]


def _chunks(file: File) -> list[tuple[bytes, range]]:
    """Each chunk that we know with its padding; of two of a kind the first counts."""
    end = within(file, 8, number(file, 4, 4, little=True)).stop
    found: dict[bytes, range] = {}
    at = HEAD
    while at + 8 <= end:
        size = number(file, at + 4, 4, little=True)
        chunk = within(file, at, 8 + size + size % 2)
        if (kind := file[at : at + 4]) in KNOWN:
            found.setdefault(kind, chunk)
        at = chunk.stop
    return list(found.items())


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + len(body).to_bytes(4, "little") + body + bytes(len(body) % 2)
