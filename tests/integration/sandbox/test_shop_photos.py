"""The photographs that the repository ships: few bytes, honest sources, the awkward cases of real ones."""

import re

from PIL import Image, ImageOps

from sandbox.shop.catalogue import PHOTO_DIR, PHOTOS

MAX_TOGETHER_BYTES = 900_000


def test_they_stay_under_the_size_that_a_clone_should_carry() -> None:
    assert sum(photo.path.stat().st_size for photo in PHOTOS) < MAX_TOGETHER_BYTES


def test_each_file_has_its_source_and_a_free_licence_in_the_table() -> None:
    rows = [row.split("|") for row in (PHOTO_DIR / "SOURCES.md").read_text().splitlines()]
    licences = {row[1].strip(" `"): row[4].strip() for row in rows if len(row) == 8}
    shipped = {path.name for path in PHOTO_DIR.iterdir() if path.name != "SOURCES.md"}
    assert shipped == {photo.file for photo in PHOTOS}
    for file in {*shipped, "services/ingest/canary.jpg"}:
        assert re.match(r"CC0 1\.0|public domain", licences[file]), file


def test_the_shown_size_is_the_one_after_the_exif_orientation() -> None:
    for photo in PHOTOS:
        with Image.open(photo.path) as image:
            assert photo.stored_size == image.size
            assert photo.shown_size == ImageOps.exif_transpose(image).size
            assert 320 <= max(image.size) <= 700


def test_among_them_are_alpha_an_orientation_a_profile_and_greyscale() -> None:
    found = set()
    for photo in PHOTOS:
        with Image.open(photo.path) as image:
            found |= {image.mode} | ({"icc"} if "icc_profile" in image.info else set())
            found |= {"turned"} if photo.shown_size != photo.stored_size else set()
    assert found >= {"RGB", "RGBA", "L", "icc", "turned"}
