"""`strip`: the file that is delivered, made from the one that was fetched and looked at."""

import mmap
from dataclasses import dataclass
from pathlib import Path

from common.pictures.facts import AVIF, JPEG, PNG, TIFF, WEBP, Seen
from services.finisher.privacy import avif, jpeg, pieces, png, tiff, webp
from services.finisher.privacy.pieces import File, Piece, UnknownLayoutError


@dataclass(frozen=True, slots=True)
class Stripped:
    """A new file was written: its size in bytes and its SHA-256 (hex)."""

    path: Path
    size: int
    sha256: str


def strip(path: Path, seen: Seen, orientation: int, target: Path) -> Stripped | None:
    """Write `path` without its private parts to `target`, to be shown in this `orientation`; None: it has none.

    Raises UnknownLayoutError when it cannot be told what is private.
    """
    with path.open("rb") as opened, File(opened.fileno(), 0, access=mmap.ACCESS_READ) as file:
        kept = _pieces(file, seen, orientation)
        if not pieces.changes(file, kept):
            return None
        return Stripped(target, *pieces.write(file, kept, target))


def _pieces(file: File, seen: Seen, orientation: int) -> list[Piece]:
    match seen.media_type:
        case media_type if media_type == JPEG:
            return jpeg.pieces(file, orientation)
        case media_type if media_type == PNG:
            return png.pieces(file, orientation)
        case media_type if media_type == WEBP:
            return webp.pieces(file, orientation, (seen.width, seen.height), alpha=seen.alpha)
        case media_type if media_type == TIFF:
            return tiff.pieces(file, orientation)
        case media_type if media_type == AVIF:
            return avif.pieces(file)
    raise UnknownLayoutError(f"nothing is known of {seen.media_type}")
