"""A result on its way to the store: what was sold is stored and shown; nothing hostile gets through or costs much."""

import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

from common.pictures.facts import Unfit
from common.sources import Source
from common.storage import Storage
from sandbox.upsampler.bombs import gzipped
from services.finisher.deliveries import FetchClaim, StoredFile, preview_key
from services.finisher.results import Failed, Fetch, Gone, Results
from services.finisher.settings import DeliverSettings
from tests.integration.pictures.bombs import bombs
from tests.integration.sandbox.standin import ROOT, photograph
from tests.unit.builders import JOB, Script, answer, settings, site

SIZE = (640, 480)
CLAIM = FetchClaim(JOB, 1, 1)
BOMBS = bombs()
PHOTOS = ROOT / "sandbox" / "shop" / "photos"
GREY = Image.new("RGB", SIZE, (128, 128, 128))
HALF = Image.linear_gradient("L").resize(SIZE).point([0] * 128 + [255] * 128)


def _file(size: tuple[int, int] = SIZE, kind: str = "PNG", orientation: int = 1, **more: Any) -> bytes:
    exif = Image.Exif()
    if orientation != 1:
        exif[0x0112] = orientation
    buffer = io.BytesIO()
    photograph(size).save(buffer, kind, exif=exif, **more)
    return buffer.getvalue()


def _fetch(
    folder: Path, *pieces: bytes | float, turned: int | None = 1, script: Script | None = None, **changes: Any
) -> Any:
    """Fetch what a server sends as the result of a 4x enlargement to 640 x 480."""
    source = Source(JOB, False, True, "references/x", SIZE[0] // 4, SIZE[1] // 4, turned)  # noqa: FBT003 - a row
    with site(*pieces, script=script) as server:
        host = f"127.0.0.1:{server.port}"
        told = {"result_hosts": host, "outbound_allow": host, "storage_url": f"file://{folder}"} | changes
        results = Results(settings(DeliverSettings, **told), Storage(f"file://{folder}"))
        about = Fetch(CLAIM, f"{server.url}/result.png", SIZE, 4, source if turned else None)
        return results.fetch(about)


def _stored(folder: Path, key: str) -> Image.Image:
    content = b"".join(Storage(f"file://{folder}").read(key).chunks)
    return Image.open(io.BytesIO(content))


def test_what_was_sold_is_stored_without_what_is_private(tmp_path: Path) -> None:
    found = _fetch(tmp_path, answer(_file(kind="JPEG", comment=b"made by Jane")))

    assert isinstance(found, StoredFile), found
    content = b"".join(Storage(f"file://{tmp_path}").read(CLAIM.file_key).chunks)
    assert len(content) == found.file_size
    assert b"Jane" not in content
    assert _stored(tmp_path, CLAIM.file_key).size == SIZE
    assert _stored(tmp_path, preview_key(CLAIM.file_key)).size == (512, 384)


TURNED = {
    "a source on its side comes back upright": ((480, 640), 6, 1, 1),
    "it comes back on its side, with the note": (SIZE, 6, 6, 6),
    "it comes back on its side, the note is lost": (SIZE, 6, 1, 6),
    "an upright source stays upright": (SIZE, 1, 1, 1),
}


@pytest.mark.parametrize(("size", "source", "result", "carried"), TURNED.values(), ids=TURNED.keys())
def test_a_picture_is_delivered_the_right_way_up(
    tmp_path: Path, size: tuple[int, int], source: int, result: int, carried: int
) -> None:
    found = _fetch(tmp_path, answer(_file(size, "PNG", result)), turned=source)

    assert isinstance(found, StoredFile), found
    assert _stored(tmp_path, CLAIM.file_key).getexif().get(0x0112, 1) == carried
    wide, high = _stored(tmp_path, preview_key(CLAIM.file_key)).size
    assert (wide < high) == (source == 6)


WRONG = {
    "an upright source came back on its side": (answer(_file((480, 640))), 1),
    "a column is missing": (answer(_file((639, 480))), 1),
    "it is the source itself": (answer(_file((160, 120))), 1),
    "a page": (answer(b"<!doctype html><title>Sign in</title>"), 1),
    "cut": (answer(_file()[:-2000]), 1),
}


@pytest.mark.parametrize(("body", "turned"), WRONG.values(), ids=WRONG.keys())
def test_what_was_not_sold_is_not_stored(tmp_path: Path, body: bytes, turned: int) -> None:
    found = _fetch(tmp_path, body, turned=turned)

    assert isinstance(found, Unfit), found
    assert not list(tmp_path.rglob("results/*"))


def test_without_a_look_at_the_source_either_way_up_will_do(tmp_path: Path) -> None:
    assert isinstance(_fetch(tmp_path, answer(_file((480, 640))), turned=None), StoredFile)


def _compared(folder: Path, result: Image.Image, orientation: int = 1) -> Any:
    """Fetch this as the enlargement of a photograph whose reduced copy is stored."""
    buffer = io.BytesIO()
    _photo().save(buffer, "PNG")
    Storage(f"file://{folder}").write("references/x", buffer.getvalue())
    exif = Image.Exif()
    exif[0x0112] = orientation
    enlarged = io.BytesIO()
    result.save(enlarged, "PNG", exif=exif)
    return _fetch(folder, answer(enlarged.getvalue()), turned=orientation)


def _photo() -> Image.Image:
    with Image.open(PHOTOS / "raccoon.jpg") as photo:
        return photo.resize((SIZE[0] // 4, SIZE[1] // 4), Image.Resampling.LANCZOS)


def _enlarged() -> Image.Image:
    return _photo().resize(SIZE, Image.Resampling.LANCZOS)


def test_a_true_enlargement_is_delivered_with_its_score(tmp_path: Path) -> None:
    found = _compared(tmp_path, _enlarged())

    assert isinstance(found, StoredFile), found
    assert found.score is not None
    assert found.score > 0.5
    assert _stored(tmp_path, preview_key(CLAIM.file_key)).width <= 512


SPOILED: dict[str, Callable[[Image.Image], Image.Image]] = {
    "another picture": lambda _image: photograph(SIZE),
    "on its head": lambda image: image.rotate(180),
    "a mirror image": ImageOps.mirror,
    "a negative": ImageOps.invert,
    "half of it grey": lambda image: Image.composite(image, GREY, HALF),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED.keys())
def test_another_picture_is_not_delivered(tmp_path: Path, spoil: Callable[[Image.Image], Image.Image]) -> None:
    found = _compared(tmp_path, spoil(_enlarged()))

    assert isinstance(found, Unfit), found
    assert found.score is not None
    assert "threshold" in found.measured
    assert not list(tmp_path.rglob("results/*"))


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_a_verdict_within_seconds(tmp_path: Path, bomb: bytes) -> None:
    began = time.monotonic()
    found = _fetch(tmp_path, answer(bomb), decode_memory_mb=600)

    assert isinstance(found, Unfit), found
    assert time.monotonic() - began < 10


def test_a_gigabyte_of_zeros_in_gzip_is_not_unpacked(tmp_path: Path) -> None:
    assert isinstance(_fetch(tmp_path, answer(gzipped(), "Content-Encoding: gzip")), Gone)


def test_a_body_that_drips_ends_by_its_deadline(tmp_path: Path) -> None:
    def drip() -> Iterator[bytes | float]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
        for _ in range(1000):
            yield b"x"
            yield 1.0

    began = time.monotonic()
    assert isinstance(_fetch(tmp_path, script=drip, fetch_deadline_s=2), Failed)
    assert time.monotonic() - began < 5


def test_an_endless_body_is_cut_off(tmp_path: Path) -> None:
    def endless() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n" + _file()
        while True:
            yield bytes(1 << 16)

    assert isinstance(_fetch(tmp_path, script=endless, max_result_bytes=3_000_000), Gone)
