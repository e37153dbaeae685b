"""Pictures at the edges of what is allowed end in a verdict, and pass where they are fine."""

from collections.abc import Callable

import numpy as np
import pytest
import pyvips

from services.finisher.quality import examine
from tests.unit.quality.pictures import FACTOR, enlarged, photograph, picture, verdict


def flat(level: int, wide: int = 40, high: int = 30) -> pyvips.Image:
    return picture(np.full((high, wide, 3), level, np.uint8)).copy(interpretation="srgb")


def line_art() -> pyvips.Image:
    """Black lines on white, upright and lying ones through the whole picture among them."""
    art = np.full((200, 300, 3), 255, np.uint8)
    art[:, 60:62] = art[100:102] = art[::40] = art[:, ::75] = 0
    return picture(art).copy(interpretation="srgb")


def text() -> pyvips.Image:
    words = pyvips.Image.text("To be, or not to be,\nthat is the question", dpi=150)
    return (255 - words).embed(10, 10, words.width + 20, words.height + 20, extend="white").copy_memory()


def noise() -> pyvips.Image:
    draw = np.random.default_rng(1)
    return picture(draw.integers(0, 256, (120, 160, 3), np.uint8)).copy(interpretation="srgb")


SOURCES: dict[str, Callable[[], pyvips.Image]] = {
    "one pixel": lambda: flat(90, 1, 1),
    "one row": lambda: flat(90, 50, 1),
    "three pixels": lambda: flat(90, 3, 1),
    "black": lambda: flat(0),
    "white": lambda: flat(255),
    "line art": line_art,
    "text": text,
    "grey": lambda: photograph("cinematographer.jpg"),
    "tall": lambda: photograph().crop(0, 0, 12, 150).copy_memory(),
    "transparent": lambda: flat(90).bandjoin(0).copy_memory(),
    "noise": noise,
}


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES.keys())
def test_an_extreme_picture_passes_when_it_is_fine(make: Callable[[], pyvips.Image]) -> None:
    source = make()
    found = verdict(enlarged(source), source)
    assert found.kind != "fail", found


@pytest.mark.parametrize("bands", [1, 3, 4])
def test_sixteen_bits_count_as_eight(bands: int) -> None:
    source = photograph("cat.jpg")
    source = source.bandjoin(255) if bands == 4 else source.colourspace("b-w") if bands == 1 else source
    deep = (enlarged(source).cast("ushort") << 8).copy(interpretation="grey16" if bands == 1 else "rgb16")
    assert verdict(deep, source).kind == "pass"


def test_a_cmyk_result_is_compared_as_it_looks() -> None:
    source = photograph()
    printed = enlarged(source).icc_transform("cmyk", input_profile="srgb")
    assert verdict(printed, source).kind != "fail"


def test_a_wide_gamut_result_is_compared_as_it_looks() -> None:
    source = photograph()
    wide = enlarged(source).icc_transform("p3", input_profile="srgb", embedded=False)
    assert verdict(wide, source).kind == "pass"


def test_a_result_on_its_side_is_compared_as_people_see_it() -> None:
    source = photograph()
    lying = enlarged(source).rot270().copy()
    assert verdict(lying, source).kind == "fail"
    lying.set_type(pyvips.GValue.gint_type, "orientation", 6)
    assert verdict(lying, source).kind == "pass"


def test_a_black_result_of_a_photograph_fails() -> None:
    source = photograph()
    assert verdict((enlarged(source) * 0).cast("uchar"), source).kind == "fail"


def test_the_reduced_copy_of_the_pass_is_the_picture() -> None:
    source = photograph()
    small = examine(enlarged(source), source, factor=FACTOR).small
    assert (small.width, small.height, small.bands) == (source.width, source.height, 3)
    assert (small - source).abs().avg() < 3
