"""Looking at a picture that a stranger sent: its header first, all of its pixels only within the limit."""

import threading
import warnings
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
DECODERS = threading.BoundedSemaphore(2)  # a decoded picture is large: two at a time bound the memory

# Pillow warns of a bomb before it refuses one at twice the size; neither is decoded here.
warnings.simplefilter("error", Image.DecompressionBombWarning)

BROKEN = (
    UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, OverflowError, TypeError,
)  # fmt: skip  # what Pillow's readers raise for files that are no pictures


@dataclass(frozen=True, slots=True)
class Looked:
    """A whole picture: its media type, and its stored size in pixels."""

    media_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Unfit:
    """Not a picture that we take; `why` is for the customer."""

    why: str


def look(file: BinaryIO, max_megapixels: int) -> Looked | Unfit:
    """Check the header, then decode every pixel: a truncated file shows itself only there (trap 39)."""
    try:
        with DECODERS, Image.open(file, formats=list(MEDIA_TYPES)) as image:
            width, height = image.size
            if width * height > max_megapixels * 1_000_000:
                return Unfit(
                    f"This picture has {width} x {height} pixels; at most {max_megapixels} megapixels are taken."
                )
            if getattr(image, "n_frames", 1) > 1:
                return Unfit("This picture moves; only still pictures are enlarged.")
            media_type = MEDIA_TYPES[str(image.format)]
            image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return Unfit(f"This picture has too many pixels; at most {max_megapixels} megapixels are taken.")
    except BROKEN:
        return Unfit("This file is not a whole JPEG, PNG or WebP picture.")
    return Looked(media_type, width, height)
