"""Is it the same picture? The result's reduced copy against the reference, pixel by pixel and window by window."""

from collections.abc import Iterable, Iterator
from itertools import combinations

import numpy as np

from services.finisher.quality.reading import Floats

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
WINDOWS = 32  # along the long side
WORST = 250  # one window in so many is among the worst
SMALLEST_WINDOW = 8
FLAT = 8.0  # levels: structure below this is noise, compression or taste
DETAIL = 1.0  # levels of high-pass energy below which a reference has no detail to lose
CHROMA = 4.0
TINT_RANGE = (24.0, 200.0)  # levels that neither noise nor clipping bends
TINT_SHARE = 0.02  # of the pixels, and FULL in a channel: from there on its gain counts for more than it does not
FULL = 64.0
MOST_LIFT = 12.0
TONE_BITS = 4  # tones in steps of 16 levels
TONE_SHARE = 0.04
TONE_SPAN = 24.0


def structure(grid: Floats, reference: Floats) -> float:
    """1 minus the mean structural similarity (covariance over spreads, in windows weighted by their spread), 0..2."""
    ours, theirs = grid @ LUMA, reference @ LUMA
    similar, spread = _similarity(ours, theirs, _window_side(theirs), FLAT)
    weight = spread + 0.1
    return float(1 - (similar * weight).sum() / weight.sum())


def regions(grid: Floats, reference: Floats) -> tuple[float, float]:
    """The worst windows: how far off they are, and how much they show something else.

    The first is their error over the spread that their own neighbourhood has in the reference, where no change of the
    tones explains it, and what they show stands nowhere around: enlargers that calm, sharpen or imagine detail stay
    between the tones that are near. The second weighs that with the lack of correlation: a region that an enlarger only
    painted lighter does not count.
    """
    ours, theirs = _smooth(grid), _smooth(reference)
    side = _window_side(theirs[:, :, 0])
    planes = [_beyond(_matched(ours[:, :, c], theirs[:, :, c]), theirs[:, :, c]) for c in range(3)]
    error = np.square(np.stack(planes)).sum(axis=0)
    half = side // 2
    grids = [np.s_[:, :], np.s_[half:, half:]]  # what lies across the windows of one lies within those of the other
    found = [_regions(error[at], ours[at], theirs[at], side) for at in grids if theirs[at].size]
    return max(one for one, _ in found), max(other for _, other in found)


def _regions(error: Floats, ours: Floats, theirs: Floats, side: int) -> tuple[float, float]:
    spread: Floats = np.zeros(())
    for channel in range(3):
        b = theirs[:, :, channel]
        spread = spread + np.maximum(_windows(b * b, side) - _windows(b, side) ** 2, 0)
    relative = np.sqrt(_windows(error, side)) / (np.sqrt(_smooth(spread)) + FLAT)
    unlike = np.clip(1 - _similarity(ours @ LUMA, theirs @ LUMA, side, FLAT / 2)[0], 0, 1)
    return _worst(relative), _worst(relative * unlike)


def colour_distance(grid: Floats, reference: Floats) -> float:
    """The mean distance in levels of the three channels, over smoothed pixels."""
    return float(np.sqrt(((_smooth(grid) - _smooth(reference)) ** 2).mean(axis=2)).mean())


def chroma_distance(grid: Floats, reference: Floats) -> float:
    """The error of the colourfulness over the colourfulness that is there; about 1 when channels are swapped."""
    ours, theirs = _chroma(_smooth(grid)), _chroma(_smooth(reference))
    there = np.sqrt((theirs**2).sum(axis=2)).mean()
    return float(np.sqrt(((ours - theirs) ** 2).sum(axis=2)).mean() / (there + CHROMA))


def tint(grid: Floats, reference: Floats) -> float:
    """How far the gains of two channels are apart, as a logarithm: 0.14 is one channel 15 % stronger.

    Less contrast lifts all dark tones, which in a dark channel looks like a gain: a cast is there with and without it.
    """
    ours, theirs = _smooth(grid), _smooth(reference)
    lift = _lift(ours @ LUMA, theirs @ LUMA)
    return min(_apart(_gains(ours, theirs)), _apart(_gains(ours - lift, theirs)))


def detail_gain(grid: Floats, reference: Floats) -> float:
    """How much of the reference's finest detail the result has: 1 all, 0 none, more when sharpened."""
    ours, theirs = grid @ LUMA, reference @ LUMA
    fine_a, fine_b = ours - _smooth(ours), theirs - _smooth(theirs)
    energy = float((fine_b**2).mean())
    if energy < DETAIL**2:
        return 1.0
    return float((fine_a * fine_b).mean() / energy)


def alpha_distance(alpha: Floats | None, reference: Floats | None) -> float:
    """The mean difference of the transparency, 0..255. A picture without alpha is opaque."""
    if alpha is None and reference is None:
        return 0.0
    return float(np.abs((255 if alpha is None else alpha) - (255 if reference is None else reference)).mean())


def _similarity(ours: Floats, theirs: Floats, side: int, flat: float) -> tuple[Floats, Floats]:
    """For each window the correlation (1 where both are flat) and the spread of theirs."""
    mean_a, mean_b = _windows(ours, side), _windows(theirs, side)
    spread_a = np.sqrt(np.maximum(_windows(ours * ours, side) - mean_a**2, 0))
    spread_b = np.sqrt(np.maximum(_windows(theirs * theirs, side) - mean_b**2, 0))
    covariance = _windows(ours * theirs, side) - mean_a * mean_b
    return (covariance + flat) / (spread_a * spread_b + flat), spread_b


def _worst(windows: Floats) -> float:
    """The mean of the worst windows, one in 250."""
    count = max(1, windows.size // WORST)
    return float(np.sort(windows, axis=None)[-count:].mean())


def _apart(gains: Iterable[float]) -> float:
    return max((abs(a - b) for a, b in combinations(gains, 2)), default=0.0)


def _gains(ours: Floats, theirs: Floats) -> Iterator[float]:
    """The gain of each channel, as a logarithm; drawn towards none where the channel has next to nothing in it."""
    low, high = TINT_RANGE
    clipped = 250
    for channel in range(3):
        a, b = ours[:, :, channel], theirs[:, :, channel]
        usable = (b > low) & (b < high) & (a > low / 2) & (a < clipped)
        doubt = TINT_SHARE * b.size * FULL**2
        yield float(np.log(((a[usable] * b[usable]).sum() + doubt) / ((b[usable] ** 2).sum() + doubt)))


def _lift(ours: Floats, theirs: Floats) -> float:
    """By how many levels black is lifted (or sunk) when ours is told from theirs by one straight line."""
    spread = float(theirs.var()) + FLAT**2
    gain = (float(((ours - ours.mean()) * (theirs - theirs.mean())).mean()) + FLAT**2) / spread
    return float(np.clip(ours.mean() - gain * theirs.mean(), -MOST_LIFT, MOST_LIFT))


def _matched(ours: Floats, theirs: Floats) -> Floats:
    """Ours without what a change of tones explains: the mean difference at each tone of theirs, within bounds.

    A tone that few pixels have explains little: they may be the very region that is wrong.
    """
    tone = np.clip(theirs, 0, 255).astype(np.uint8) >> TONE_BITS
    count = np.bincount(tone.ravel(), minlength=256 >> TONE_BITS)
    off = np.bincount(tone.ravel(), (ours - theirs).ravel(), minlength=256 >> TONE_BITS)
    offsets = np.clip(off / (count + TONE_SHARE * theirs.size), -TONE_SPAN, TONE_SPAN)
    centres = (np.arange(offsets.size) + 0.5) * (1 << TONE_BITS)
    explained: Floats = np.interp(theirs, centres, offsets).astype(np.float32)
    return ours - explained


def _beyond(ours: Floats, theirs: Floats) -> Floats:
    """How far each pixel lies outside of the tones that theirs has in the three by three pixels around it."""
    padded = np.pad(theirs, 1, mode="edge")
    low, high = (_around(padded, extreme) for extreme in (np.minimum, np.maximum))
    return np.maximum(ours - high, 0) + np.maximum(low - ours, 0)


def _around(padded: Floats, extreme: "np.ufunc") -> Floats:
    """The extreme of three by three pixels."""
    across = extreme(extreme(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
    found: Floats = extreme(extreme(across[:-2], across[1:-1]), across[2:])
    return found


def _chroma(pixels: Floats) -> Floats:
    return pixels - (pixels @ LUMA)[:, :, None]


def _smooth(pixels: Floats) -> Floats:
    """Binomial over three by three pixels: forgives half a pixel and the taste of a sharpener."""
    padded = np.pad(pixels, [(1, 1), (1, 1)] + [(0, 0)] * (pixels.ndim - 2), mode="edge")
    across = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    return (across[:-2] + 2 * across[1:-1] + across[2:]) / np.float32(16)


def _window_side(plane: Floats) -> int:
    return max(SMALLEST_WINDOW, -(-int(max(plane.shape)) // WINDOWS))


def _windows(plane: Floats, side: int) -> Floats:
    """The means of square windows; the last of a row or column takes up to half a window more."""
    high, wide = plane.shape
    tops, lefts = (np.arange(0, max(1, length - side // 2), side) for length in (high, wide))
    sums = np.add.reduceat(np.add.reduceat(plane, tops, axis=0), lefts, axis=1)
    means: Floats = sums / np.outer(np.diff(tops, append=high), np.diff(lefts, append=wide))
    return means
