"""Delivered files keep pixels, colour profile and orientation, and lose what tells of people."""

import io
import random
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from common.pictures.facts import AVIF, JPEG, PNG, TIFF, WEBP, Seen
from services.finisher.privacy.pieces import UnknownLayoutError
from services.finisher.privacy.strip import Stripped, strip

SECRETS = (b"SERIAL-12345", b"Jane Photographer", b"xmp-secret", b"comment-secret", b"thumb-secret", b"trailing-secret")
KINDS = {"JPEG": JPEG, "PNG": PNG, "WEBP": WEBP, "TIFF": TIFF, "AVIF": AVIF}
SIZE = (120, 80)
PRIVATE_INFO = {"xmp", "comment", "Comment", "XML:com.adobe.xmp"}
BLANK = {0, ord(" "), "\0", " "}
PRIVATE_TAGS = {0x010F, 0x013B, 33432, 700, 0x8769, 0x8825}
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _picture(mode: str = "RGB") -> Image.Image:
    noise = random.Random(7)  # noqa: S311 - a picture, no secret
    pixels = bytes(noise.randrange(256) for _ in range(SIZE[0] * SIZE[1] * len(mode)))
    return Image.frombytes(mode, SIZE, pixels)


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "SERIAL-12345"
    exif[0x013B] = "Jane Photographer"
    exif.get_ifd(0x8769)[0xA431] = "SERIAL-12345"
    exif.get_ifd(0x8769)[0x927C] = b"thumb-secret" * 9
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 29: "2026:01:01"})
    return exif


def _private(kind: str, orientation: int = 1, mode: str = "RGB") -> bytes:
    options: dict[str, Any] = {"exif": _exif(orientation), "icc_profile": PROFILE}
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>xmp-secret</x:xmpmeta>"
    if kind == "JPEG":
        options |= {"comment": b"comment-secret", "xmp": xmp}
    elif kind == "PNG":
        options["pnginfo"] = info = PngImagePlugin.PngInfo()
        info.add_text("Comment", "comment-secret")
        info.add_itxt("XML:com.adobe.xmp", "xmp-secret")
    elif kind == "WEBP":
        options |= {"xmp": xmp, "lossless": True, "exact": True}
    elif kind == "TIFF":
        tags = {700: xmp, 33432: "Jane Photographer"}
        options["tiffinfo"] = _exif(orientation)
        options["tiffinfo"].update(tags)
        del options["exif"]
    else:
        options["xmp"] = xmp
    buffer = io.BytesIO()
    _picture(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def _strip(folder: Path, content: bytes, media_type: str, orientation: int = 1, *, alpha: bool = False) -> bytes | None:
    path = folder / "result"
    path.write_bytes(content)
    seen = Seen(*SIZE, orientation, media_type, alpha=alpha, profile=True, mean=(), deviation=())
    found = strip(path, seen, orientation, folder / "stripped")
    if found is None:
        return None
    assert isinstance(found, Stripped)
    written = found.path.read_bytes()
    assert len(written) == found.size
    return written


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_private_is_gone_and_the_picture_is_the_same(tmp_path: Path, kind: str, mode: str) -> None:
    if (kind, mode) == ("JPEG", "RGBA"):
        mode = "RGB"
    whole = _private(kind, mode=mode)
    assert b"SERIAL-12345" in whole, "the test writes something private"
    written = _strip(tmp_path, whole, KINDS[kind], alpha=mode == "RGBA")

    assert written is not None
    assert not [secret for secret in SECRETS if secret in written]
    with Image.open(io.BytesIO(whole)) as before, Image.open(io.BytesIO(written)) as after:
        assert before.tobytes() == after.tobytes()
        assert after.mode == before.mode
        assert after.info.get("icc_profile") == PROFILE
        assert dict(after.getexif().get_ifd(0x8825)) == {}
    assert _strip(tmp_path, written, KINDS[kind], alpha=mode == "RGBA") is None, "there is nothing left to do"


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_which_way_up_it_is_stays(tmp_path: Path, kind: str, orientation: int) -> None:
    written = _strip(tmp_path, _private(kind, orientation), KINDS[kind], orientation)

    assert written is not None
    with Image.open(io.BytesIO(written)) as image:
        assert image.getexif().get(0x0112, 1) == orientation


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_which_way_up_it_is_can_be_given_back(tmp_path: Path, kind: str) -> None:
    buffer = io.BytesIO()
    _picture().save(buffer, kind)
    written = _strip(tmp_path, buffer.getvalue(), KINDS[kind], 6)

    assert written is not None
    with Image.open(io.BytesIO(written)) as image:
        assert image.getexif()[0x0112] == 6


@pytest.mark.parametrize("kind", KINDS)
def test_a_clean_file_is_left_as_it_is(tmp_path: Path, kind: str) -> None:
    buffer = io.BytesIO()
    _picture().save(buffer, kind, icc_profile=PROFILE)

    once = _strip(tmp_path, buffer.getvalue(), KINDS[kind])
    assert once is None or _strip(tmp_path, once, KINDS[kind]) is None


def test_a_jpeg_loses_its_thumbnails_and_what_follows_it(tmp_path: Path) -> None:
    plain = _private("JPEG")
    jfif = b"\xff\xe0" + struct.pack(">H", 16 + 36) + b"JFIF\0\x01\x01\0\0\x01\0\x01\x04\x03" + b"thumb-secret" * 3
    mpf = b"\xff\xe2" + struct.pack(">H", 2 + 16) + b"MPF\0thumb-secret"
    jpeg = plain[:2] + jfif + mpf + plain[2:] + b"trailing-secret" * 100
    written = _strip(tmp_path, jpeg, JPEG)

    assert written is not None
    assert not [secret for secret in SECRETS if secret in written]
    with Image.open(io.BytesIO(written)) as image, Image.open(io.BytesIO(plain)) as before:
        assert image.tobytes() == before.tobytes()


@pytest.mark.parametrize("options", [{"progressive": True}, {"restart_marker_rows": 1}, {"subsampling": 0}])
def test_every_kind_of_scan_is_walked(tmp_path: Path, options: dict[str, Any]) -> None:
    buffer = io.BytesIO()
    _picture().save(buffer, "JPEG", exif=_exif(6), **options)
    written = _strip(tmp_path, buffer.getvalue(), JPEG, 6)

    assert written is not None
    with Image.open(io.BytesIO(written)) as image, Image.open(io.BytesIO(buffer.getvalue())) as before:
        assert image.tobytes() == before.tobytes()


def test_a_moving_png_comes_out_still(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    _picture().save(buffer, "PNG", save_all=True, append_images=[_picture().rotate(90)])
    written = _strip(tmp_path, buffer.getvalue(), PNG)

    assert written is not None
    assert b"acTL" not in written
    assert b"fdAT" not in written


def test_unknown_chunks_go(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    _picture().save(buffer, "PNG")
    body = b"prVtSERIAL-12345"
    chunk = (len(body) - 4).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)
    written = _strip(tmp_path, buffer.getvalue()[:-12] + chunk + buffer.getvalue()[-12:] + b"trailing-secret", PNG)

    assert written == buffer.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_the_bytes_are_it_ends_in_a_file_or_in_a_no(tmp_path: Path, kind: str) -> None:
    chances = random.Random(kind)  # noqa: S311 - a schedule, no secret
    whole = _private(kind)
    for _ in range(100):
        broken = bytearray(whole[: chances.randrange(20, len(whole))] if chances.random() < 0.3 else whole)
        for _ in range(chances.randrange(1, 9)):
            broken[chances.randrange(min(len(broken), 2000))] = chances.randrange(256)
        try:
            written = _strip(tmp_path, bytes(broken), KINDS[kind])
        except UnknownLayoutError:
            continue
        if written is not None:
            assert len(written) <= len(broken) + 100
            assert not _told_by(written)


def _told_by(written: bytes) -> set[object]:
    """What a reader of pictures still learns of people, if it takes the file at all."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(written)) as image:
                image.load()
                return {name for name in PRIVATE_INFO if set(image.info.get(name, "")) - BLANK} | (
                    PRIVATE_TAGS & set(image.getexif())
                )
        except Exception:  # noqa: BLE001 - for a damaged file Pillow raises whatever comes
            return set()
