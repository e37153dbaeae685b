"""A small free photograph, what enlargers make of it, and pictures at the edges of what is allowed."""

from pathlib import Path

import numpy as np
import pyvips
from numpy.typing import NDArray

from services.finisher.quality import Verdict, judge, measure

PHOTOS = Path(__file__).parents[3] / "sandbox" / "shop" / "photos"
FACTOR = 3


def photograph(name: str = "cat.jpg", long_side: int = 260) -> pyvips.Image:
    image = pyvips.Image.thumbnail(str(PHOTOS / name), long_side, height=long_side, export_profile="srgb")
    return (image[0:3] if image.bands > 3 else image).copy_memory()


def enlarged(source: pyvips.Image, kernel: str = "lanczos3") -> pyvips.Image:
    return source.resize(FACTOR, kernel=kernel).copy_memory()


def pixels(image: pyvips.Image) -> NDArray[np.uint8]:
    return np.frombuffer(image.write_to_memory(), np.uint8).reshape(image.height, image.width, image.bands)


def picture(array: NDArray[np.generic]) -> pyvips.Image:
    return pyvips.Image.new_from_array(np.ascontiguousarray(array))  # it keeps the array; copy_memory would drop it


def verdict(result: pyvips.Image, source: pyvips.Image, factor: int = FACTOR) -> Verdict:
    return judge(measure(result, source, factor=factor))
