"""What can go wrong with an enlargement's pixels, at several strengths: what the checks must see."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyvips
from numpy.random import Generator
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Corrupt = Callable[[Pixels, Generator], Pixels | None]

VISIBLE = 0.5  # levels: less than that on average over the touched pixels is no corruption
TILE_VISIBLE = 4.0
TILE_SIDE = 256


@dataclass(frozen=True)
class Corruption:
    """`group` is gross or subtle (both with a promised rate), or other (reported only)."""

    name: str
    group: str
    corrupt: Corrupt


def blank_quarter(pixels: Pixels, draw: Generator) -> Pixels:
    """One quarter is black, white or grey."""
    high, wide = pixels.shape[0] // 2, pixels.shape[1] // 2
    top, left = int(draw.integers(2)) * high, int(draw.integers(2)) * wide
    spoiled = pixels.copy()
    spoiled[top : top + high, left : left + wide, :3] = draw.choice([0, 128, 255])
    return spoiled


def half_grey(pixels: Pixels, _draw: Generator) -> Pixels:
    """The lower half is grey: what a decoder makes of a stream that broke off."""
    spoiled = pixels.copy()
    spoiled[pixels.shape[0] // 2 :, :, :3] = 128
    return spoiled


def frozen(pixels: Pixels, draw: Generator, *, share: float) -> Pixels:
    """From some row on the same row comes again and again."""
    rows = int(pixels.shape[0] * share)
    top = int(draw.integers(pixels.shape[0] - rows))
    spoiled = pixels.copy()
    spoiled[top : top + rows] = pixels[top]
    return spoiled


def turned(pixels: Pixels, _draw: Generator, *, quarters: int) -> Pixels:
    return np.rot90(pixels, quarters).copy()


def mirrored(pixels: Pixels, _draw: Generator, *, axis: int) -> Pixels:
    return np.flip(pixels, axis).copy()


def channels(pixels: Pixels, _draw: Generator, *, order: tuple[int, int, int]) -> Pixels | None:
    return None if pixels.shape[2] < 3 else _seen(pixels, pixels[:, :, list(order)])  # noqa: PLR2004 - grey


def negative(pixels: Pixels, _draw: Generator) -> Pixels:
    return 255 - pixels


def tiles_swapped(pixels: Pixels, draw: Generator, *, across: int) -> Pixels | None:
    """Two tiles that do not look alike have changed places."""
    high, wide = pixels.shape[0] // across, pixels.shape[1] // across
    for _ in range(64):
        (ya, xa), (yb, xb) = draw.integers(across, size=(2, 2))
        a = np.s_[ya * high : (ya + 1) * high, xa * wide : (xa + 1) * wide]
        b = np.s_[yb * high : (yb + 1) * high, xb * wide : (xb + 1) * wide]
        if _difference(pixels[a], pixels[b]) >= TILE_VISIBLE:
            spoiled = pixels.copy()
            spoiled[a], spoiled[b] = pixels[b], pixels[a]
            return spoiled
    return None


def tile_shifted(pixels: Pixels, draw: Generator, *, share: float) -> Pixels | None:
    """One of 64 tiles shows what stands `share` of a tile beside it; a tile is drawn in which that can be seen."""
    high, wide = pixels.shape[0] // 8, pixels.shape[1] // 8
    shift = max(1, round(wide * share))
    for _ in range(64):
        y, x = (int(n) for n in draw.integers(8, size=2))
        tile = np.s_[y * high : (y + 1) * high, x * wide : (x + 1) * wide]
        left = x * wide + (shift if x < 7 else -shift)  # noqa: PLR2004 - the last column looks to its left
        moved = pixels[y * high : (y + 1) * high, left : left + wide]
        if _difference(pixels[tile], moved) >= TILE_VISIBLE:
            spoiled = pixels.copy()
            spoiled[tile] = moved
            return spoiled
    return None


def cast(pixels: Pixels, draw: Generator, *, gain: float) -> Pixels | None:
    """One channel is stronger or weaker."""
    if pixels.shape[2] < 3:  # noqa: PLR2004 - grey has no cast
        return None
    spoiled = pixels.astype(np.float32)
    spoiled[:, :, int(draw.integers(3))] *= gain if draw.integers(2) else 1 / gain
    return _seen(pixels, _clipped(spoiled))


def seams(pixels: Pixels, draw: Generator, *, contrast: float) -> Pixels:
    """Lines of two pixels at the borders of tiles of 256, darker or lighter than what they cover."""
    gain = 1 - contrast if draw.integers(2) else 1 + contrast
    lines = pixels.astype(np.float32)
    for at in range(TILE_SIDE, pixels.shape[0] - 2, TILE_SIDE):
        lines[at : at + 2] = pixels[at : at + 2] * gain
    for at in range(TILE_SIDE, pixels.shape[1] - 2, TILE_SIDE):
        lines[:, at : at + 2] = pixels[:, at : at + 2] * gain
    return _clipped(lines)


def tiles_apart(pixels: Pixels, _draw: Generator, *, shift: int) -> Pixels:
    """Every other tile of 256 stands some pixels too low: edges do not meet at the borders."""
    spoiled = pixels.copy()
    for column, left in enumerate(range(0, pixels.shape[1], TILE_SIDE)):
        for row, top in enumerate(range(0, pixels.shape[0], TILE_SIDE)):
            if (column + row) % 2 and top >= shift:
                tile = spoiled[top : top + TILE_SIDE, left : left + TILE_SIDE]
                tile[:] = pixels[top - shift : top - shift + tile.shape[0], left : left + TILE_SIDE]
    return spoiled


def noise(pixels: Pixels, draw: Generator, *, sigma: float) -> Pixels:
    return _clipped(pixels.astype(np.float32) + draw.normal(0, sigma, pixels.shape))


def posterised(pixels: Pixels, _draw: Generator, *, levels: int) -> Pixels:
    step = 255 / (levels - 1)
    return _clipped(np.round(pixels.astype(np.float32) / step) * step)


def halos(pixels: Pixels, _draw: Generator, *, amount: float) -> Pixels:
    """Sharpened until light and dark rims stand around every edge."""
    blurred = _blurred(pixels, max(1.0, max(pixels.shape) / 500)).astype(np.float32)
    return _clipped(pixels + (pixels - blurred) * np.float32(amount))


def softened(pixels: Pixels, _draw: Generator, *, share: float) -> Pixels:
    """Blurred by a share of the long side: an enlargement with no detail at all."""
    return _blurred(pixels, max(pixels.shape) * share)


def _blurred(pixels: Pixels, sigma: float) -> Pixels:
    high, wide, bands = pixels.shape
    image = pyvips.Image.new_from_memory(np.ascontiguousarray(pixels).data, wide, high, bands, "uchar")
    blurred = image.gaussblur(sigma).write_to_memory()
    return np.frombuffer(blurred, np.uint8).reshape(pixels.shape)


def _seen(pixels: Pixels, spoiled: Pixels) -> Pixels | None:
    return spoiled if _difference(pixels, spoiled) >= VISIBLE else None


def _difference(a: Pixels, b: Pixels) -> float:
    return float(np.abs(a.astype(np.int16) - b).mean())


def _clipped(pixels: NDArray[np.floating[Any]]) -> Pixels:
    return np.clip(np.round(pixels), 0, 255).astype(np.uint8)


CORRUPTIONS = (
    Corruption("blank quarter", "gross", blank_quarter),
    Corruption("half grey", "gross", half_grey),
    Corruption("turned by 180°", "gross", partial(turned, quarters=2)),
    Corruption("turned by 90°", "gross", partial(turned, quarters=1)),
    Corruption("mirrored", "gross", partial(mirrored, axis=1)),
    Corruption("upside down", "gross", partial(mirrored, axis=0)),
    Corruption("red and blue swapped", "gross", partial(channels, order=(2, 1, 0))),
    Corruption("channels rotated", "gross", partial(channels, order=(1, 2, 0))),
    Corruption("negative", "gross", negative),
    Corruption("two of 16 tiles swapped", "gross", partial(tiles_swapped, across=4)),
    Corruption("two of 64 tiles swapped", "gross", partial(tiles_swapped, across=8)),
    Corruption("cast of 15 %", "subtle", partial(cast, gain=1.15)),
    Corruption("seams of 2 px, 25 %", "subtle", partial(seams, contrast=0.25)),
    Corruption("noise of sigma 25", "subtle", partial(noise, sigma=25)),
    Corruption("posterised to 8 levels", "subtle", partial(posterised, levels=8)),
    Corruption("1/64 tile shifted by a quarter", "subtle", partial(tile_shifted, share=0.25)),
    Corruption("cast of 8 %", "other", partial(cast, gain=1.08)),
    Corruption("cast of 30 %", "other", partial(cast, gain=1.3)),
    Corruption("seams of 2 px, 10 %", "other", partial(seams, contrast=0.1)),
    Corruption("seams of 2 px, 50 %", "other", partial(seams, contrast=0.5)),
    Corruption("tiles 2 px apart", "other", partial(tiles_apart, shift=2)),
    Corruption("tiles 8 px apart", "other", partial(tiles_apart, shift=8)),
    Corruption("noise of sigma 10", "other", partial(noise, sigma=10)),
    Corruption("noise of sigma 50", "other", partial(noise, sigma=50)),
    Corruption("posterised to 16 levels", "other", partial(posterised, levels=16)),
    Corruption("posterised to 4 levels", "other", partial(posterised, levels=4)),
    Corruption("1/64 tile shifted by an eighth", "other", partial(tile_shifted, share=0.125)),
    Corruption("1/64 tile shifted by a half", "other", partial(tile_shifted, share=0.5)),
    Corruption("frozen for a quarter", "other", partial(frozen, share=0.25)),
    Corruption("frozen for a sixteenth", "other", partial(frozen, share=1 / 16)),
    Corruption("halos, sharpened 4 times", "other", partial(halos, amount=4)),
    Corruption("halos, sharpened 8 times", "other", partial(halos, amount=8)),
    Corruption("no detail: blurred by 1/64", "other", partial(softened, share=1 / 64)),
    Corruption("no detail: blurred by 1/200", "other", partial(softened, share=1 / 200)),
)
