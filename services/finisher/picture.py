"""A look at a result: really a whole picture of an allowed format, of exactly the size that was sold (pyvips).

libvips loads cut files quietly unless `fail_on` says otherwise, and opening is lazy: the header is judged before any
pixel, then one sequential pass decodes everything without ever holding the whole picture (traps 39 to 41).
"""

from dataclasses import dataclass
from pathlib import Path

import pyvips

MEDIA_TYPES = {
    "pngload": "image/png",
    "jpegload": "image/jpeg",
    "webpload": "image/webp",
    "tiffload": "image/tiff",
    "heifload": "image/avif",
}

pyvips.block_untrusted_set(True)  # noqa: FBT003 - the library's signature
pyvips.cache_set_max(0)  # every picture is seen once


@dataclass(frozen=True, slots=True)
class Picture:
    """What the file holds; sizes in pixels."""

    width: int
    height: int
    media_type: str


@dataclass(frozen=True, slots=True)
class BadPicture:
    """A failed check: its kind (bounded, a metric's label) and what was measured, for people."""

    kind: str
    measured: str


def check(path: Path, size: tuple[int, int], max_megapixels: float) -> Picture | BadPicture:
    """Judge the file against the size (width, height) that was sold. Never raises for what the file holds."""
    try:
        image = pyvips.Image.new_from_file(str(path), access="sequential", fail_on="warning")
        loader = str(image.get("vips-loader")).removesuffix("_file")
        verdict = _judge_header(image, loader, size, max_megapixels)
        if verdict is not None:
            return verdict
        image.avg()  # decodes every pixel
    except pyvips.Error as error:
        detail = (error.detail or str(error)).strip().splitlines() or ["no detail"]
        return BadPicture("undecodable", detail[0][:300])
    return Picture(image.width, image.height, MEDIA_TYPES[loader])


def _judge_header(image: pyvips.Image, loader: str, size: tuple[int, int], max_megapixels: float) -> BadPicture | None:
    width, height = image.width, image.height
    if loader not in MEDIA_TYPES:
        return BadPicture("format", f"{loader} is not an allowed format")
    if width * height > max_megapixels * 1_000_000:
        return BadPicture("too_large", f"{width} x {height} is more than {max_megapixels:g} megapixels")
    # A source stored on its side (EXIF orientation) comes back upright: the same pixels, width and height swapped.
    if (width, height) not in {size, size[::-1]}:
        return BadPicture("dimensions", f"{width} x {height} instead of {size[0]} x {size[1]}")
    return None
