"""One sequential pass over the result: its reduced copy and a bounded set of full-resolution samples.

The pass costs about a nanosecond a pixel beside the decoding and holds one strip at a time, however large the picture.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]

REFERENCE_SIDE = 512  # the long side of a reference that is no whole source
STRIP_ROWS = 64
SAMPLES = 6_000_000  # pixels kept of the rows, and again of the bands
BANDS = 24
MIN_BAND = 16
BACKDROP = 128  # what shows through transparent pixels: the colour under them is nobody's business


@dataclass(frozen=True, slots=True)
class Reading:
    """What one pass over a result leaves.

    `grid` is its reduced copy on the reference's pixels, `alpha` likewise (None: opaque by format). The rest is of the
    full resolution: `rows` are whole rows of one channel, `bands` upright bands of it (height, band, width), and
    `colours` scattered pixels of all channels.
    """

    width: int
    height: int
    grid: Floats
    alpha: Floats | None
    rows: Bytes
    bands: Bytes
    colours: Bytes


def read_reference(reference: pyvips.Image) -> tuple[Floats, Floats | None]:
    """The reference as sRGB over the backdrop, and its alpha."""
    return _split(_pixels(_eight_bit(reference)))


def read(result: pyvips.Image, width: int, height: int) -> Reading:
    """Read the result once from top to bottom; `width` x `height` are the reference's pixels. Raises pyvips.Error."""
    turned = _orientation(result) >= 5  # noqa: PLR2004 - from 5 on, EXIF's orientations swap width and height
    wide, high = (height, width) if turned else (width, height)
    image = _eight_bit(result)
    shrink = max(1, min(image.width // (2 * wide), image.height // (2 * high)))
    samples = _Samples(image)
    region = pyvips.Region.new(image)
    height_of_strip = shrink * max(1, STRIP_ROWS // shrink)
    parts = []
    for top in range(0, image.height, height_of_strip):
        rows = min(height_of_strip, image.height - top)
        data = region.fetch(0, top, image.width, rows)
        samples.take(np.frombuffer(data, np.uint8).reshape(rows, image.width, image.bands), top)
        strip = pyvips.Image.new_from_memory(data, image.width, rows, image.bands, "uchar")
        parts.append(_pixels(strip.shrink(shrink, shrink, ceil=True)))
    small = _fitted(_joined(parts), image, shrink, (wide, high))
    grid, alpha = _split(_pixels(_upright(_in_srgb(small, image), _orientation(result))))
    size = (image.height, image.width) if turned else (image.width, image.height)
    return Reading(*size, grid, alpha, samples.rows, samples.bands, samples.colours)


def small_copy(reading: Reading) -> pyvips.Image:
    """The reduced copy as a picture: sRGB, 8 bits, with its alpha where it has one."""
    high, wide = reading.grid.shape[:2]
    planes = [reading.grid, *([] if reading.alpha is None else [reading.alpha[:, :, None]])]
    pixels = np.concatenate(planes, axis=2).clip(0, 255).astype(np.uint8)
    image = pyvips.Image.new_from_memory(pixels.tobytes(), wide, high, pixels.shape[2], "uchar")
    return image.copy(interpretation="srgb")


class _Samples:
    """The buffers of the full-resolution samples, filled strip by strip; every size is fixed by the picture's."""

    def __init__(self, image: pyvips.Image) -> None:
        width, height = image.width, image.height
        self._step = max(1, width * height // SAMPLES)
        count = min(BANDS, max(1, width // MIN_BAND))
        across = max(1, min(width // count, max(MIN_BAND, SAMPLES // (count * height))))
        self._lefts = [(2 * index + 1) * width // (2 * count) - across // 2 for index in range(count)]
        self._channel = 1 if image.bands >= 3 else 0  # noqa: PLR2004 - green carries most of the light
        self._thin = slice(None, None, max(1, width // 2000))
        self.rows = np.empty((-(-height // self._step), width), np.uint8)
        self.bands = np.empty((height, count, across), np.uint8)
        self.colours = np.empty((self.rows.shape[0], len(range(width)[self._thin]), image.bands), np.uint8)

    def take(self, strip: Bytes, top: int) -> None:
        first = -top % self._step
        rows = strip[first :: self._step]
        at = (top + first) // self._step
        self.rows[at : at + len(rows)] = rows[:, :, self._channel]
        self.colours[at : at + len(rows)] = rows[:, self._thin]
        across = self.bands.shape[2]
        for index, left in enumerate(self._lefts):
            self.bands[top : top + len(strip), index] = strip[:, left : left + across, self._channel]


def _eight_bit(image: pyvips.Image) -> pyvips.Image:
    """8 bits, grey or RGB over the backdrop, with the alpha as last band where there is one. Lazy."""
    if image.interpretation == "cmyk":
        image = image.icc_transform("srgb", embedded=True, input_profile="cmyk")
    elif image.interpretation not in ("b-w", "srgb", "rgb", "grey16", "rgb16", "multiband"):
        image = image.colourspace("srgb")
    if image.format == "ushort":
        image = image.cast("uchar", shift=True).copy(interpretation="srgb" if image.bands >= 3 else "b-w")  # noqa: PLR2004
    elif image.format != "uchar":
        image = image.cast("uchar")
    if not image.hasalpha():
        return image
    alpha = image[image.bands - 1]
    return image.flatten(background=BACKDROP).bandjoin(alpha)


def _joined(parts: list[Bytes]) -> pyvips.Image:
    pixels = np.concatenate(parts)
    high, wide, bands = pixels.shape
    return pyvips.Image.new_from_memory(pixels.tobytes(), wide, high, bands, "uchar")


def _in_srgb(small: pyvips.Image, image: pyvips.Image) -> pyvips.Image:
    """The colours as the profile that the picture carries means them; only the small copy pays for it."""
    if small.bands < 3 or not image.get_typeof("icc-profile-data"):  # noqa: PLR2004 - grey has no colours
        return small
    colour = small[0:3].copy(interpretation="srgb")
    colour.set_type(pyvips.GValue.blob_type, "icc-profile-data", image.get("icc-profile-data"))
    colour = colour.icc_transform("srgb", embedded=True)
    return colour.bandjoin(small[3]) if small.bands > 3 else colour  # noqa: PLR2004 - the alpha


def _upright(small: pyvips.Image, orientation: int) -> pyvips.Image:
    turned = small.copy()
    turned.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    return turned.autorot()


def _fitted(small: pyvips.Image, image: pyvips.Image, shrink: int, size: tuple[int, int]) -> pyvips.Image:
    wide, high = size
    fitted = small.resize(wide * shrink / image.width, vscale=high * shrink / image.height, kernel="lanczos3")
    return fitted.embed(0, 0, wide, high, extend="copy")


def _orientation(image: pyvips.Image) -> int:
    return int(image.get("orientation")) if image.get_typeof("orientation") else 1


def _pixels(image: pyvips.Image) -> Bytes:
    data: Any = image.write_to_memory()
    return np.frombuffer(data, np.uint8).reshape(image.height, image.width, image.bands)


def _split(pixels: Bytes) -> tuple[Floats, Floats | None]:
    """Three colour channels and the alpha, as floats of 0..255."""
    bands = pixels.shape[2]
    colour = pixels[:, :, : bands - 1] if bands in (2, 4) else pixels
    alpha = pixels[:, :, bands - 1].astype(np.float32) if bands in (2, 4) else None
    wide = np.repeat(colour, 3, axis=2) if colour.shape[2] == 1 else colour
    return wide.astype(np.float32), alpha
