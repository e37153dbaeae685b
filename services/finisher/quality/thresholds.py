"""The table of the checks: what each measures and catches, and from which value it warns or fails.

The limits were set on the photographs `train` of `./enlarger bench checks` alone. docs/quality.md is made from this
table.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One measured value, from `ideal` (nothing is wrong) over `warn` to `fail`; None: it never does that.

    Limits below `ideal` guard the lower side. `value` names the measurement, `says` tells people what is wrong.
    """

    name: str
    value: str
    ideal: float
    warn: float | None
    fail: float | None
    measures: str
    says: str
    catches: str

    def reached(self, value: float, limit: float | None) -> bool:
        """Is the value at the limit or beyond, on the side that this check guards?"""
        if limit is None:
            return False
        return value >= limit if limit > self.ideal else value <= limit

    def severity(self, value: float) -> float:
        """0 at the ideal, 1 at the limit of failing, more beyond; a check that only warns stays below 1."""
        if self.fail is not None:
            return max(0.0, (value - self.ideal) / (self.fail - self.ideal))
        if self.warn is None:
            return 0.0
        return min(0.99, 0.5 * max(0.0, (value - self.ideal) / (self.warn - self.ideal)))


CHECKS = (
    Check("shape", "shape", 0.0, 1.2, 2.0, "how many pixels of the reference the sides, or proportions, are off",
          "it has other proportions or another size", "turned by 90°, another size"),
    Check("structure", "structure", 0.0, 0.2, 0.35, "1 minus the structural similarity, windows weighted by contrast",
          "its structure is not the source's", "another picture, turned, mirrored, negative"),
    Check("region", "region", 0.0, 0.95, 1.2, "error of the worst windows over the contrast around them",
          "a region does not look like the source's", "blank, grey, frozen, swapped or shifted regions"),
    Check("displaced", "displaced", 0.0, 0.14, 0.18, "the same, times the lack of correlation",
          "a region shows something else than the source's", "shifted or swapped tiles, frozen regions"),
    Check("colour", "colour", 0.0, 9.0, 14.0, "mean colour distance, levels",
          "its colours are far from the source's", "another picture, negative, strong casts"),
    Check("chroma", "chroma", 0.0, 0.45, 0.65, "error of the colourfulness over the colourfulness",
          "its colourfulness is not the source's", "swapped channels, casts"),
    Check("tint", "tint", 0.0, 0.06, 0.1, "how far the gains of two channels are apart, logarithm",
          "it has a colour cast", "colour casts"),
    Check("alpha", "alpha", 0.0, 3.0, 8.0, "mean difference of the transparency, levels",
          "its transparency is not the source's", "alpha lost or inverted"),
    Check("seams", "seams", 0.0, 1.1, 1.6, "hardness of the hardest straight line over its neighbourhood's",
          "straight seams run through it", "seams at tile borders"),
    Check("noise", "noise", 0.0, 4.0, 6.0, "noise of the calmer fifth of the picture, levels",
          "it is noisy", "heavy noise"),
    Check("levels", "levels_kept", 1.0, 0.6, 0.35, "tones in use over those of the reference",
          "tones are missing", "posterisation, banding, blank halves"),
    Check("no_detail", "detail", 1.0, 0.07, 0.04, "share of the reference's finest detail that is there",
          "it has no detail at all", "gross blur"),
    Check("oversharpened", "detail", 1.0, 1.4, 1.7, "the same",
          "it is sharpened to excess", "halos, ringing around edges"),
    Check("ringing", "ringing", 0.5, 1.3, None, "swing between near pixels over that between pixels twice as far",
          "tones swing from pixel to pixel", "ringing in the enlarger's own grid"),
    Check("file_small", "bytes_per_pixel", 0.5, 0.003, None, "bytes per pixel",
          "the file is very small for its pixels", "empty content"),
    Check("file_large", "bytes_per_pixel", 0.5, 12.0, None, "bytes per pixel",
          "the file is very large for its pixels", "foreign content"),
)  # fmt: skip
