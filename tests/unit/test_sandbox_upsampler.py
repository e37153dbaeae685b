"""The pure parts of the provider's stand-in."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image, ImageChops, ImageStat

from sandbox.upsampler.dialects import NotUnderstoodError, understand
from sandbox.upsampler.jobs import credits_for
from sandbox.upsampler.pictures import OTHER_PHOTOGRAPH, BadPictureError, another_picture, enlarge, measure
from sandbox.upsampler.webhooks import spoil_token

ORIENTATION = 0x0112


def sizes(*files: Path) -> list[tuple[int, int]]:
    """Read back by another library than the one that wrote them."""
    found = []
    for file in files:
        with Image.open(file) as image:
            image.load()
            found.append(image.size)
    return found


@pytest.mark.parametrize(
    ("size", "factor", "credits"),
    [((2000, 2000), 4, 16), ((2000, 2000), 8, 64), ((1, 1), 1, 1), ((2000, 2000), 1, 1), ((2001, 2000), 1, 2)],
)
def test_credits_follow_the_contract(size: tuple[int, int], factor: int, credits: int) -> None:  # noqa: A002 (the contract's word)
    assert credits_for(*size, factor) == credits


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"input": 3}', b"\xff"])
def test_a_body_of_no_dialect_is_not_understood(body: bytes) -> None:
    with pytest.raises(NotUnderstoodError):
        understand(body)


def test_the_example_of_the_documented_dialect_is_understood() -> None:
    body = {"image_url": "https://a.example/b.jpg", "scale_factor": 4, "format": "auto"}
    body |= {"webhook_url": "https://c.example/d/", "metadata": {"job_id": "7", "plugin": "sell-my-images"}}
    order = understand(json.dumps(body).encode())
    assert (order.dialect, order.factor, order.webhook_url) == ("documented", 4, "https://c.example/d/")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:80/hook/?job=7&token=0123456789abcdef0123456789abcdef",
        "https://host.example/hook/AbCdEfGhIjKlMnOpQrStUv",
        "https://a-very-long-host-name.example",
    ],
)
def test_a_spoilt_token_leaves_the_address_alone(url: str) -> None:
    before, after = urlsplit(url), urlsplit(spoil_token(url))
    assert before != after
    assert before.netloc == after.netloc
    assert len(before.path) in {0, len(after.path)}


def test_a_picture_on_its_side_is_enlarged_upright(tmp_path: Path) -> None:
    source, png, jpeg = (tmp_path / name for name in ("source.jpg", "out.png", "out.jpg"))
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.new("RGB", (40, 20), "red").save(source, exif=exif)
    enlarge(source, 3, png, jpeg)
    assert measure(source) == (20, 40)
    assert sizes(png, jpeg) == [(60, 120), (60, 120)]
    with Image.open(jpeg) as result:
        assert ORIENTATION not in result.getexif()


@pytest.mark.parametrize("mode", ["L", "LA", "P", "CMYK", "I;16", "1"])
def test_pictures_of_every_mode_are_enlarged(tmp_path: Path, mode: str) -> None:
    source, png, jpeg = (tmp_path / name for name in ("source.tif", "out.png", "out.jpg"))
    Image.new(mode, (11, 7)).save(source)
    enlarge(source, 5, png, jpeg)
    assert sizes(png, jpeg) == [(55, 35), (55, 35)]


def test_the_other_picture_is_another_one_even_for_who_ordered_that_very_photograph(tmp_path: Path) -> None:
    png, jpeg, other = (tmp_path / name for name in ("own.png", "own.jpg", "other.png"))
    enlarge(OTHER_PHOTOGRAPH, 1, png, jpeg)
    another_picture(png, other)
    with Image.open(png) as own, Image.open(other) as served:
        assert own.size == served.size
        assert min(ImageStat.Stat(ImageChops.difference(own, served)).mean) > 10


def test_something_else_is_no_picture(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("<html>")
    with pytest.raises(BadPictureError, match="no picture that we know"):
        measure(source)
