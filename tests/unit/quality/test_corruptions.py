"""Each corruption at gross strength turns the verdict; each fine enlarger passes."""

from collections.abc import Callable

import numpy as np
import pytest
import pyvips

from bench.checks import corruptions
from bench.checks.corruptions import CORRUPTIONS, Corruption, Pixels
from bench.checks.enlargers import unsharp
from tests.unit.quality.pictures import FACTOR, enlarged, photograph, picture, pixels, verdict

GROSS = [one for one in CORRUPTIONS if one.group in {"gross", "subtle"}]
FINE: dict[str, Callable[[pyvips.Image], pyvips.Image]] = {
    "bicubic": lambda source: enlarged(source, "cubic"),
    "Lanczos": enlarged,
    "sharpened": lambda source: unsharp(enlarged(source), FACTOR / 2, 1.0),
    "denoised, sharpened": lambda source: unsharp(enlarged(source.median(3)), FACTOR / 2, 0.8),
    "brighter": lambda source: (enlarged(source) * 1.03).rint().cast("uchar"),
    "darker": lambda source: (enlarged(source) * 0.97).rint().cast("uchar"),
    "JPEG": lambda source: pyvips.Image.new_from_buffer(enlarged(source).write_to_buffer(".jpg", Q=80), ""),
    "WebP": lambda source: pyvips.Image.new_from_buffer(enlarged(source).write_to_buffer(".webp", Q=80), ""),
}


def spoiled(corrupt: Callable[[Pixels, np.random.Generator], Pixels | None], source: pyvips.Image) -> pyvips.Image:
    found = corrupt(pixels(enlarged(source)), np.random.default_rng(1))
    assert found is not None
    return picture(found)


@pytest.mark.parametrize("make", FINE.values(), ids=FINE.keys())
@pytest.mark.parametrize("name", ["cat.jpg", "cinematographer.jpg", "astronaut.jpg"])
def test_a_fine_enlargement_passes(make: Callable[[pyvips.Image], pyvips.Image], name: str) -> None:
    source = photograph(name)
    found = verdict(make(source), source)
    assert (found.kind, found.reasons) == ("pass", ())
    assert found.score > 0.5


@pytest.mark.parametrize("corruption", GROSS, ids=lambda one: one.name)
def test_a_corruption_fails(corruption: Corruption) -> None:
    source = photograph()
    found = verdict(spoiled(corruption.corrupt, source), source)
    assert found.kind == "fail"
    assert found.score <= 0.5


def test_another_picture_fails() -> None:
    source, other = photograph(), enlarged(photograph("raccoon.jpg"))
    stretched = other.resize(source.width * FACTOR / other.width, vscale=source.height * FACTOR / other.height)
    assert verdict(stretched, source).kind == "fail"


def test_an_enlargement_with_no_detail_at_all_fails() -> None:
    source = photograph()
    found = verdict(enlarged(source).gaussblur(16), source)
    assert "no_detail" in {reason.check for reason in found.reasons}
    assert found.kind == "fail"


def test_halos_around_every_edge_fail() -> None:
    source = photograph()
    found = verdict(picture(corruptions.halos(pixels(enlarged(source)), np.random.default_rng(1), amount=8)), source)
    assert found.kind == "fail"


def test_lost_transparency_fails() -> None:
    source = photograph("espresso.png")
    mask = pyvips.Image.new_from_array(np.tile(np.linspace(0, 255, source.width, dtype=np.uint8), (source.height, 1)))
    cut_out = source.bandjoin(mask).copy_memory()
    assert verdict(enlarged(cut_out), cut_out).kind == "pass"
    lost = verdict(enlarged(cut_out).flatten(background=255), cut_out)
    assert "alpha" in {reason.check for reason in lost.reasons}


def test_a_reason_tells_the_measured_value_and_the_threshold() -> None:
    source = photograph()
    noisy = picture(corruptions.noise(pixels(enlarged(source)), np.random.default_rng(1), sigma=25))
    (reason,) = (one for one in verdict(noisy, source).reasons if one.check == "noise")
    assert reason.measured > reason.threshold == 6.0
    assert str(reason).startswith("it is noisy (noise: measured 2")
