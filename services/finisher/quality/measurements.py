"""`measure`: every number that the checks judge, from one pass over the result."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyvips

from services.finisher.quality import artifacts, sameness
from services.finisher.quality.reading import REFERENCE_SIDE, Floats, Reading, read, read_reference, small_copy


@dataclass(frozen=True, slots=True)
class Measurements:
    """The measured value of each check, by its name in the table of thresholds; plain floats, fit for JSON."""

    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Examined:
    """What the one pass yields: the measurements, and the result's reduced copy (sRGB, of the reference's size)."""

    measurements: Measurements
    small: pyvips.Image


def measure(
    result: pyvips.Image, reference: pyvips.Image, *, factor: int, file_bytes: int | None = None
) -> Measurements:
    """Measure an opened result against the reduced copy of its source, in one sequential pass over the result.

    `reference` stands upright in sRGB, its long side at most 512 (the source itself where that is smaller); `factor`
    is the enlargement that was sold. `file_bytes` adds the check of the file's size. Raises pyvips.Error where the
    result does not decode.
    """
    return examine(result, reference, factor=factor, file_bytes=file_bytes).measurements


def examine(result: pyvips.Image, reference: pyvips.Image, *, factor: int, file_bytes: int | None = None) -> Examined:
    """As `measure`, with the reduced copy that it made: what a preview needs is not decoded again."""
    picture, alpha = read_reference(reference)
    reading = read(result, reference.width, reference.height)
    values = {
        "shape": _shape(reading, picture, factor),
        "alpha": sameness.alpha_distance(reading.alpha, alpha),
        **_same(reading.grid, picture),
        "seams": artifacts.seams(reading, picture),
        "noise": artifacts.noise(reading),
        "levels_kept": artifacts.levels_kept(reading, picture),
        "ringing": artifacts.ringing(reading),
    }
    if file_bytes is not None:
        values["bytes_per_pixel"] = file_bytes / (reading.width * reading.height)
    return Examined(Measurements(values), small_copy(reading))


def _same(grid: Floats, picture: Floats) -> dict[str, float]:
    region, displaced = sameness.regions(grid, picture)
    return {
        "structure": sameness.structure(grid, picture),
        "region": region,
        "displaced": displaced,
        "colour": sameness.colour_distance(grid, picture),
        "chroma": sameness.chroma_distance(grid, picture),
        "tint": sameness.tint(grid, picture),
        "detail": sameness.detail_gain(grid, picture),
    }


def _shape(reading: Reading, picture: Floats, factor: int) -> float:
    """By how many of the reference's pixels the sides are off; where the reference is no source, their proportions."""
    high, wide = picture.shape[:2]
    if max(wide, high) < REFERENCE_SIDE:
        return float(max(abs(reading.width / factor - wide), abs(reading.height / factor - high)))
    return float(abs(reading.width * high - reading.height * wide) / max(reading.width, reading.height))
