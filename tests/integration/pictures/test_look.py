"""What is seen of pictures from strangers, and what is not taken for one."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from common.pictures.examiner import Eyes
from common.pictures.facts import AVIF, JPEG, PNG, TIFF, WEBP, Bounds, Look, Seen, Unfit
from tests.integration.sandbox.standin import photograph

EYES = Eyes(Bounds(1536, 20, 30))
ALL = (JPEG, PNG, WEBP, AVIF, TIFF)
KINDS = {"JPEG": JPEG, "PNG": PNG, "WEBP": WEBP, "AVIF": AVIF, "TIFF": TIFF}


def _look(path: Path, content: bytes, **changes: Any) -> Seen | Unfit:
    path.write_bytes(content)
    limits: dict[str, Any] = {"media_types": ALL, "max_megapixels": 50, "max_held_megapixels": 50, "strict": True}
    return EYES.look(Look(str(path), **(limits | changes)))


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(("kind", "media_type"), KINDS.items())
def test_five_formats_are_seen_whole(tmp_path: Path, kind: str, media_type: str) -> None:
    seen = _look(tmp_path / "x", _saved(photograph((640, 480)), kind), small_copy=str(tmp_path / "small.png"))

    assert isinstance(seen, Seen), seen
    assert (seen.width, seen.height, seen.media_type, seen.orientation) == (640, 480, media_type, 1)
    with Image.open(tmp_path / "small.png") as small:
        assert small.size == (512, 384)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.99])
def test_a_cut_picture_is_none(tmp_path: Path, kind: str, kept: float) -> None:
    whole = _saved(photograph((1030, 777)), kind)

    assert isinstance(_look(tmp_path / "x", whole[: int(len(whole) * kept)]), Unfit)


@pytest.mark.parametrize("size", [(600, 1039), (515, 520), (1023, 2047), (3001, 40), (40, 3001)])
def test_the_last_row_counts_whatever_the_size(tmp_path: Path, size: tuple[int, int]) -> None:
    whole = _saved(photograph(size), "PNG", compress_level=0)
    spoiled = bytearray(whole)
    spoiled[-40] ^= 0xFF  # in the last row: only its checksum tells

    assert isinstance(_look(tmp_path / "x", whole), Seen)
    assert isinstance(_look(tmp_path / "y", bytes(spoiled)), Unfit)


def test_a_picture_on_its_side_is_seen_as_people_see_it(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    seen = _look(tmp_path / "x", _saved(photograph((640, 480)), "JPEG", exif=exif), small_copy=str(tmp_path / "s.png"))

    assert isinstance(seen, Seen)
    assert (seen.width, seen.height, seen.orientation, seen.upright) == (640, 480, 6, (480, 640))
    with Image.open(tmp_path / "s.png") as small:
        assert small.size == (384, 512)


def test_colours_of_another_space_and_depth_come_out_as_plain_ones(tmp_path: Path) -> None:
    photo = photograph((600, 400))
    plain = _look(tmp_path / "x", _saved(photo, "JPEG"))
    assert isinstance(plain, Seen)
    for name, content in {
        "cmyk": _saved(photo.convert("CMYK"), "JPEG"),
        "grey": _saved(photo.convert("L"), "PNG"),
        "deep": _saved(photo.convert("I;16"), "PNG"),
        "palette": _saved(photo.convert("P"), "PNG"),
        "alpha": _saved(photo.convert("RGBA"), "PNG"),
        "grey with alpha": _saved(photo.convert("LA"), "PNG"),
    }.items():
        seen = _look(tmp_path / "x", content)
        assert isinstance(seen, Seen), (name, seen)
        assert len(seen.mean) == (4 if "alpha" in name else 3), name
        assert seen.alpha == ("alpha" in name)


NOT_TAKEN = {
    "GIF": b"GIF89a", "BMP": b"BM", "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>", "PDF": b"%PDF-1.7",
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0", "PPM": b"P6 1 1 255 abc", "nothing": b"", "HEIC": b"\0\0\0\x18ftypheic",
}  # fmt: skip


@pytest.mark.parametrize("content", NOT_TAKEN.values(), ids=NOT_TAKEN.keys())
def test_no_other_decoder_runs(tmp_path: Path, content: bytes) -> None:
    verdict = _look(tmp_path / "x.png", content + bytes(100))

    assert isinstance(verdict, Unfit)
    assert verdict.kind == "format"


def test_too_many_pixels_are_refused_by_the_header(tmp_path: Path) -> None:
    verdict = _look(tmp_path / "x", _saved(photograph((640, 480)), "PNG"), max_megapixels=0.3)

    assert verdict == Unfit("too_large", "640 x 480 is more than 0.3 megapixels")


@pytest.mark.parametrize(("kind", "options"), [("JPEG", {"progressive": True}), ("WEBP", {})])
def test_what_must_be_held_whole_has_a_limit_of_its_own(tmp_path: Path, kind: str, options: dict[str, Any]) -> None:
    content = _saved(photograph((640, 480)), kind, **options)

    assert isinstance(_look(tmp_path / "x", content, max_held_megapixels=0.3), Unfit)
    assert isinstance(_look(tmp_path / "x", content), Seen)


@pytest.mark.parametrize(("thinned", "fits"), [(2, True), (0, False)])
def test_a_progressive_jpeg_with_all_its_colours_counts_twice(tmp_path: Path, thinned: int, fits: bool) -> None:  # noqa: FBT001 - a table's column
    content = _saved(photograph((640, 480)), "JPEG", progressive=True, subsampling=thinned)

    assert isinstance(_look(tmp_path / "x", content, max_held_megapixels=0.5), Seen) is fits
