"""Pictures from strangers."""

import io
import zlib

import pytest
from PIL import Image

from common.pictures.examiner import Eyes
from common.pictures.facts import Bounds
from services.ingest.selling.pictures import Looked, Unfit, Viewer
from tests.integration.sandbox.standin import encoded, photograph

EYES = Eyes(Bounds(1536, 20, 30))


def _look(content: bytes, max_megapixels: int = 10) -> Looked | Unfit:
    return Viewer(EYES, max_megapixels, max_megapixels).look(io.BytesIO(content))


@pytest.mark.parametrize(("kind", "media_type"), [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")])
def test_the_three_formats_are_taken(kind: str, media_type: str) -> None:
    assert _look(encoded(photograph(), kind)) == Looked(media_type, 48, 36)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "PPM", "ICO"])
def test_other_formats_are_not(kind: str) -> None:
    assert isinstance(_look(encoded(photograph(), kind)), Unfit)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_picture_is_refused(kind: str, share: float) -> None:
    whole = encoded(photograph((400, 300)), kind)
    assert isinstance(_look(whole[: int(len(whole) * share)]), Unfit)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"%!PS-Adobe-3.0 EPSF-3.0", b"\xff\xd8\xff"])
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    assert isinstance(_look(content), Unfit)


def test_too_many_pixels_are_refused_by_the_header_alone() -> None:
    refusal = _look(_bomb(4000, 4000))
    assert isinstance(refusal, Unfit)
    assert "4000 x 4000" in str(refusal.why)


@pytest.mark.parametrize("side", [9_500, 60_000])
def test_a_bomb_is_refused_and_not_decoded(side: int) -> None:
    assert isinstance(_look(_bomb(side, side), max_megapixels=100_000), Unfit)


def test_a_moving_picture_is_refused() -> None:
    frames = [Image.new("RGB", (9, 9), color) for color in ("red", "blue")]
    for kind in ("WEBP", "PNG"):
        buffer = io.BytesIO()
        frames[0].save(buffer, kind, save_all=True, append_images=frames[1:])
        assert isinstance(_look(buffer.getvalue()), Unfit)


def _bomb(width: int, height: int) -> bytes:
    """A PNG whose header promises these pixels; none follow."""
    header = width.to_bytes(4) + height.to_bytes(4) + b"\x08\x02\x00\x00\x00"
    data = zlib.compress(b"")
    chunks = b"".join(
        len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)
        for kind, body in ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    )
    return b"\x89PNG\r\n\x1a\n" + chunks
