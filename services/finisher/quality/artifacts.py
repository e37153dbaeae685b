"""What enlarging can spoil: seams, bands of tone, noise and halos, from full-resolution samples."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from services.finisher.quality.reading import Bytes, Floats, Reading
from services.finisher.quality.sameness import LUMA

SEGMENTS = 12  # a seam runs through most of them, a lamp post through few
NEARBY = 24  # pixels on each side that tell what is usual there
USUAL = 85  # the percentile that is: patterns of the enlarger's own grid are usual
FAINT = 0.75  # levels: below this a step is no seam
NOISE_BLOCK = 16
CLIPPED = (12, 243)
LAGS = (1, 2, 4, 8, 16)


def seams(reading: Reading, reference: Floats) -> float:
    """How far the hardest straight line through the picture stands out from its neighbourhood, across or upright."""
    ours, theirs = reading.grid @ LUMA, reference @ LUMA
    bands = reading.bands.reshape(reading.bands.shape[0], -1)
    upright = _lines(reading.rows, ours, theirs)
    across = _lines(bands.T, ours.T, theirs.T)
    return max(upright, across)


def noise(reading: Reading) -> float:
    """The noise of the calmer fifth of the picture, in levels (Immerkaer's mask: blind to edges and slopes)."""
    bands = reading.bands
    side = min(NOISE_BLOCK, bands.shape[0], bands.shape[2])
    if side < NOISE_BLOCK // 2:
        return 0.0
    high = bands.shape[0] // side * side
    blocks = bands[:high, :, :side].reshape(high // side, side, bands.shape[1], side).transpose(0, 2, 1, 3)
    blocks = blocks.reshape(-1, side, side)[:: max(1, blocks.shape[0] * blocks.shape[1] // 4000)].astype(np.float32)
    middle = blocks.mean(axis=(1, 2))
    fine = np.diff(np.diff(blocks, 2, axis=1), 2, axis=2)
    sigma = np.abs(fine).mean(axis=(1, 2)) * np.float32(np.sqrt(np.pi / 2) / 6)
    usable = sigma[(middle > CLIPPED[0]) & (middle < CLIPPED[1])]
    return float(np.percentile(usable, 20)) if usable.size else 0.0


def levels_kept(reading: Reading, reference: Floats) -> float:
    """The number of tones in use over that of the reference, as entropies count; the worst channel."""
    colours = reading.colours
    channels = colours.shape[2] - (reading.alpha is not None)
    ratios = []
    for channel in range(channels):
        theirs = _tones(reference[:, :, channel].astype(np.uint8))
        ratios.append(_tones(colours[:, :, channel]) / theirs)
    return float(np.mean(ratios))


def ringing(reading: Reading) -> float:
    """How far pixels near each other differ more than pixels twice as far: never in a picture, always in halos."""
    rows = reading.rows[:: max(1, reading.rows.size // 1_500_000)].astype(np.float32)
    energies = [float(((rows[:, lag:] - rows[:, :-lag]) ** 2).mean()) for lag in LAGS if rows.shape[1] > 2 * lag]
    return max((near / (far + 1.0) for near, far in pairwise(energies)), default=0.0)


def _tones(values: Bytes) -> float:
    counts = np.bincount(values.ravel(), minlength=256).astype(np.float64)
    share = counts[counts > 0] / counts.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def _lines(rows: Bytes, ours: Floats, theirs: Floats) -> float:
    """The most outstanding column: its hardness over its neighbours', in most segments, unless the source has it."""
    if rows.shape[1] < 4 * NEARBY or rows.shape[0] < SEGMENTS:
        return 0.0
    hardness = np.stack([_hardness(part) for part in np.array_split(rows, SEGMENTS)])
    outstanding = hardness / (_usual(hardness) + FAINT)
    candidates = np.median(outstanding, axis=0)
    explained = _explained(ours, theirs)
    at = np.arange(candidates.size) * explained.size // candidates.size
    return float((candidates / (1 + explained[at])).max())


def _hardness(rows: Bytes) -> Floats:
    """For each column the mean height of a two-pixel line there, whatever its sign."""
    r = rows.astype(np.int16)
    line = r[:, 1:-2] + r[:, 2:-1] - r[:, :-3] - r[:, 3:]
    return np.pad(np.abs(line).mean(axis=0, dtype=np.float32) / 2, (1, 2), mode="edge")


def _usual(hardness: Floats) -> Floats:
    """What is usual around each column, at the distance of a few pixels."""
    coarse = 8
    columns = hardness.shape[1] // coarse
    starts = np.arange(columns) * coarse
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(hardness, ((0, 0), (NEARBY, NEARBY)), mode="reflect"), 2 * NEARBY, axis=1
    )[:, starts + coarse // 2]
    usual: Floats = np.percentile(windows, USUAL, axis=2).astype(np.float32)
    nearest: NDArray[np.int64] = np.minimum(np.arange(hardness.shape[1]) // coarse, columns - 1)
    return usual[:, nearest]


def _explained(ours: Floats, theirs: Floats) -> Floats:
    """For each column of the grid how much of a line there is the reference's own: large when all of it."""
    line_a, line_b = _line_profile(ours), _line_profile(theirs)
    own = np.abs(line_b)
    added = np.abs(line_a - line_b)
    ratio = np.median(own / (added + 0.25), axis=0)
    nearby: Floats = np.maximum.reduce([ratio, np.roll(ratio, 1), np.roll(ratio, -1)])
    return nearby


def _line_profile(plane: Floats) -> Floats:
    padded = np.pad(plane, ((0, 0), (1, 1)), mode="edge")
    line = padded[:, 1:-1] - (padded[:, :-2] + padded[:, 2:]) / 2
    return np.stack([part.mean(axis=0) for part in np.array_split(line, min(SEGMENTS, len(line)))])
