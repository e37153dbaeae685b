"""The photographs on the wall. `photos/SOURCES.md` says where each comes from and under which licence."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from PIL import Image

PHOTO_DIR = Path(__file__).parent / "photos"
_MIME_TYPES = {".jpg": "image/jpeg", ".png": "image/png"}
_QUARTER_TURNS = {5, 6, 7, 8}  # EXIF 2.32, tag 0x0112: rows and columns change places
_ORIENTATION_TAG = 0x0112


@dataclass(frozen=True)
class Photo:
    """One picture of the media library; `attachment_id` is the id that WordPress would give it."""

    attachment_id: int
    file: str
    title: str
    caption: str
    alt: str
    hung_at: datetime

    @property
    def slug(self) -> str:
        return Path(self.file).stem

    @property
    def path(self) -> Path:
        return PHOTO_DIR / self.file

    @property
    def mime_type(self) -> str:
        return _MIME_TYPES[self.path.suffix]

    @cached_property
    def stored_size(self) -> tuple[int, int]:
        """Width and height as the file stores them, whatever its EXIF orientation says."""
        with Image.open(self.path) as image:
            return image.size

    @cached_property
    def shown_size(self) -> tuple[int, int]:
        """Width and height as a viewer shows them, with the EXIF orientation applied."""
        with Image.open(self.path) as image:
            turned = image.getexif().get(_ORIENTATION_TAG) in _QUARTER_TURNS
        width, height = self.stored_size
        return (height, width) if turned else (width, height)


def _on(month: int, day: int) -> datetime:
    return datetime(2024, month, day, 9, 30)  # noqa: DTZ001 -- WordPress dates are naive site time


PHOTOS = (
    Photo(
        101,
        "dandelions.jpg",
        "Seeding",
        "A meadow at the end of the day",
        "Dandelion clocks in tall grass, lit from behind by a low sun",
        _on(5, 12),
    ),
    Photo(
        102,
        "raccoon.jpg",
        "Visitor",
        "Caught looking",
        "A raccoon looks down out of broad green leaves",
        _on(5, 12),
    ),
    Photo(
        103,
        "launch-pad.jpg",
        "Before the launch",
        "Cape Canaveral, blue hour",
        "A white rocket on its pad between lattice masts under a deep blue evening sky",
        _on(5, 14),
    ),
    Photo(
        104,
        "espresso.png",
        "Short break",
        "Espresso, cut out round",
        "An espresso in a red cup on a red saucer with a small spoon, seen from above",
        _on(5, 20),
    ),
    Photo(
        105,
        "cat.jpg",
        "Chelsea",
        "Eyes, whiskers, patience",
        "The face of a ginger tabby cat with green eyes, close up",
        _on(5, 20),
    ),
    Photo(
        106,
        "cinematographer.jpg",
        "The cinematographer",
        "Cambridge, Massachusetts",
        "Black and white: a man in a dark coat bends to the eyepiece of a film camera on a tripod",
        _on(6, 2),
    ),
    Photo(
        107,
        "deep-field.jpg",
        "Deep field",
        "Every point a galaxy",
        "Hundreds of small galaxies in many colours on black space",
        _on(6, 9),
    ),
    Photo(
        108,
        "astronaut.jpg",
        "Eileen Collins",
        "Pilot, then commander",
        "Portrait of a smiling astronaut in an orange suit, her helmet at her side",
        _on(6, 9),
    ),
)

BY_ID: Mapping[int, Photo] = MappingProxyType({photo.attachment_id: photo for photo in PHOTOS})
BY_FILE: Mapping[str, Photo] = MappingProxyType({photo.file: photo for photo in PHOTOS})
