"""All trials of one photograph: every fine enlarger and every corruption, each with its verdict."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyvips

from bench.checks.corruptions import CORRUPTIONS, Pixels
from bench.checks.enlargers import FINE, LEARNED, SLOW, Enlargement
from bench.checks.photographs import Photograph
from common.pictures.facts import JPEG, PNG, WEBP, Look, Unfit
from common.pictures.look import look
from services.finisher.inspected import Inspect, shown_upright
from services.finisher.quality import judge, measure

BASES = ("Lanczos", "Lanczos, sharpened", "bicubic", "JPEG 90")
THINNED = 3  # corruptions without a promise and slow enlargers get one photograph in so many
CUTS = (0.3, 0.7, 0.98)


@dataclass(frozen=True)
class Trial:
    """`group`: fine, gross, subtle or other. `kind`: pass, warn or fail; skip where the corruption changes nothing."""

    photograph: str
    name: str
    group: str
    kind: str
    score: float = 1.0
    reasons: tuple[str, ...] = ()
    values: Mapping[str, float] = field(default_factory=dict)


def trials(photograph: Photograph, other: Photograph) -> list[Trial]:
    """Everything with this photograph; `other` is the wrong picture. Draws are fixed by the photograph's name."""
    return [*_fine(photograph), *_corrupted(photograph), *_special(photograph, other), *_files(photograph)]


def _fine(photograph: Photograph) -> Iterator[Trial]:
    for draw, (name, enlarge) in enumerate(FINE.items()):
        if (name == SLOW and photograph.number // 2 % THINNED) or (name in LEARNED and not photograph.fetched):
            continue
        yield _judged(photograph, name, "fine", enlarge(photograph, draw))


def _corrupted(photograph: Photograph) -> Iterator[Trial]:
    known: dict[int, Enlargement] = {}
    for number, corruption in enumerate(CORRUPTIONS):
        if corruption.group == "other" and photograph.number // 2 % THINNED:
            continue
        base = (photograph.number // 3 + number) % len(BASES)
        fine = known.get(base) or known.setdefault(base, FINE[BASES[base]](photograph, base))
        draw = np.random.default_rng([photograph.number % 2**32, number])
        spoiled = corruption.corrupt(_pixels(fine.result), draw)
        if spoiled is None:
            yield Trial(photograph.name, corruption.name, corruption.group, "skip")
        else:
            yield _judged(photograph, corruption.name, corruption.group, _instead(fine, _image(spoiled)))


def _special(photograph: Photograph, other: Photograph) -> Iterator[Trial]:
    fine = FINE["Lanczos"](photograph, 0)
    result, wrong = fine.result, other.source(1000)
    wrong = wrong.resize(result.width / wrong.width, vscale=result.height / wrong.height, kernel="cubic")
    yield _judged(photograph, "other picture", "gross", _instead(fine, wrong.copy_memory()))
    cut_out = FINE["cut out (alpha)"](photograph, 1)
    colours = cut_out.result.bands - 1
    flat = cut_out.result.flatten(background=255).copy_memory()
    yield _judged(photograph, "alpha lost", "other", _instead(cut_out, flat))
    inverted = cut_out.result[0:colours].bandjoin(255 - cut_out.result[colours]).copy_memory()
    yield _judged(photograph, "alpha inverted", "other", _instead(cut_out, inverted))


def _files(photograph: Photograph) -> Iterator[Trial]:
    """What the file itself gives away: cut off, or not of the size that was sold."""
    fine = FINE["Lanczos"](photograph, 0)
    result, sold = fine.result, (fine.result.width, fine.result.height)
    wrong = {"one column short": result.crop(0, 0, sold[0] - 1, sold[1]), "half the size": result.resize(0.5)}
    with tempfile.TemporaryDirectory() as folder:
        for name, image in wrong.items():
            file = Path(folder) / "result.jpg"
            image.jpegsave(str(file), Q=90)
            yield _trial_of_file(photograph, f"dimension: {name}", file, sold)
        for suffix in (".png", ".jpg", ".webp"):
            whole = result.write_to_buffer(suffix)
            for share in CUTS:
                file = Path(folder) / f"cut{suffix}"
                file.write_bytes(whole[: int(len(whole) * share)])
                yield _trial_of_file(photograph, f"truncated {suffix[1:].upper()}", file, sold)


def _trial_of_file(photograph: Photograph, name: str, file: Path, sold: tuple[int, int]) -> Trial:
    task = Look(str(file), (JPEG, PNG, WEBP), 300, 300)
    seen = look(task)
    if isinstance(seen, Unfit):
        return Trial(photograph.name, name, "gross", "fail", 0.0, (seen.kind,))
    fits = shown_upright((seen.width, seen.height), seen.orientation, Inspect(task, sold, 1)) is not None
    return Trial(
        photograph.name, name, "gross", "pass" if fits else "fail", float(fits), () if fits else ("dimensions",)
    )


def _judged(photograph: Photograph, name: str, group: str, made: Enlargement) -> Trial:
    found = measure(made.result, made.reference, factor=made.factor, file_bytes=made.file_bytes)
    verdict = judge(found)
    reasons = tuple(reason.check for reason in verdict.reasons if reason.kind == verdict.kind)
    return Trial(photograph.name, name, group, verdict.kind, verdict.score, reasons, found.values)


def _instead(fine: Enlargement, result: pyvips.Image) -> Enlargement:
    return Enlargement(fine.source, fine.factor, result)


def _pixels(image: pyvips.Image) -> Pixels:
    return np.frombuffer(image.write_to_memory(), np.uint8).reshape(image.height, image.width, image.bands)


def _image(pixels: Pixels) -> pyvips.Image:
    high, wide, bands = pixels.shape
    image = pyvips.Image.new_from_memory(np.ascontiguousarray(pixels).tobytes(), wide, high, bands, "uchar")
    return image.copy(interpretation="srgb" if bands >= 3 else "b-w")  # noqa: PLR2004 - colour or grey
