"""A new file as pieces: ranges of the old one, and bytes of our own between them."""

import mmap
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

CHUNK = 1 << 20
MOST_READS = 600_000  # a PNG of 2 GB in the usual chunks of 8 KB needs them, a hostile file more
Piece = range | bytes


class File(mmap.mmap):
    """The old file; whoever made it decides how many steps it takes to walk through, so they are counted."""

    left = MOST_READS

    def step(self) -> None:
        """Raises UnknownLayoutError for more steps than any real picture needs."""
        self.left -= 1
        if self.left < 0:
            raise UnknownLayoutError("it has too many parts")


class UnknownLayoutError(Exception):
    """The file's segments do not lie as its format says: what is private cannot be told apart."""


def number(file: File, at: int, size: int, *, little: bool = False) -> int:
    """An unsigned number of the file. Raises UnknownLayoutError where it ends before."""
    file.step()
    found = file[at : at + size]
    if len(found) != size:
        raise UnknownLayoutError(f"the file ends at {len(file)}, within a number")
    return int.from_bytes(found, "little" if little else "big")


def within(file: File, start: int, size: int) -> range:
    """These bytes. Raises UnknownLayoutError where the file has not so many."""
    file.step()
    if start < 0 or size < 0 or start + size > len(file):
        raise UnknownLayoutError(f"{size} bytes at {start} of {len(file)}")
    return range(start, start + size)


def add(pieces: list[Piece], piece: Piece) -> None:
    """Append it; a range that goes on where the last one ends makes that one longer, and nothing is left out."""
    last = pieces[-1] if pieces else b""
    if isinstance(piece, range) and isinstance(last, range) and last.stop == piece.start:
        pieces[-1] = range(last.start, piece.stop)
    elif len(piece):
        pieces.append(piece)


def filled(size: int, byte: bytes) -> list[Piece]:
    """So many bytes of this one, held in memory once however many they are."""
    whole = byte * min(size, CHUNK)
    return [*[whole] * (size // CHUNK), *([byte * (size % CHUNK)] if size % CHUNK else [])]


def changes(file: File, pieces: Sequence[Piece]) -> bool:
    """Whether these pieces are anything but the old file as it was."""
    end = 0
    for piece in pieces:
        size = len(piece)
        if isinstance(piece, bytes) and file[end : end + size] != piece:
            return True
        if isinstance(piece, range) and piece.start != end:
            return True
        end += size
    return end != len(file)


def write(file: File, pieces: Sequence[Piece], target: Path) -> tuple[int, str]:
    """Write the new file; returns its size in bytes and its SHA-256 (hex)."""
    digest, size = sha256(), 0
    with target.open("wb") as out:
        for chunk in _chunks(file, pieces):
            digest.update(chunk)
            out.write(chunk)
            size += len(chunk)
    return size, digest.hexdigest()


def _chunks(file: File, pieces: Sequence[Piece]) -> Iterator[bytes]:
    for piece in pieces:
        if isinstance(piece, bytes):
            yield piece
            continue
        for start in range(piece.start, piece.stop, CHUNK):
            yield file[start : min(start + CHUNK, piece.stop)]
