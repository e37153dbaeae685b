"""WordPress's own media route: where a picture of the shop lies, and how large it is.

https://developer.wordpress.org/rest-api/reference/media/#retrieve-a-media-item
"""

import contextlib
import html
import itertools
import time
from collections.abc import Iterator
from typing import Any

import requests
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from services.ingest.metrics import MEDIA_LOOKUPS

TIMEOUT_S = (3.05, 5.0)
DEADLINE_S = 10.0
MAX_BYTES = 1_000_000
PER_PAGE = 20  # so that a page of long descriptions stays within MAX_BYTES
THUMBNAILS = ("medium_large", "large", "medium")


class MediaAwayError(Exception):
    """WordPress did not answer, or not with a media item."""


class Smaller(BaseModel):
    source_url: str = Field(max_length=4096)


class Details(BaseModel):
    width: int = Field(gt=0, le=1_000_000)
    height: int = Field(gt=0, le=1_000_000)
    sizes: dict[str, Smaller] = {}


class Rendered(BaseModel):
    rendered: str = Field(default="", max_length=10_000)


class Media(BaseModel):
    """A picture in WordPress's library."""

    media_type: str = Field(pattern="^image$")
    source_url: str = Field(max_length=4096)
    media_details: Details


class Listed(Media):
    """A picture as the library lists it: with what a shop's page shows of it."""

    id: int = Field(gt=0)
    title: Rendered = Rendered()

    def row(self) -> dict[str, Any]:
        """As the catalogue imports it. Titles are HTML at WordPress, and text here."""
        sizes = self.media_details.sizes
        small = next((sizes[name].source_url for name in THUMBNAILS if name in sizes), None)
        return {
            "attachment_id": self.id,
            "source_url": self.source_url,
            "width": self.media_details.width,
            "height": self.media_details.height,
            "title": html.unescape(self.title.rendered)[:200],
            "thumbnail_url": small,
        }


LIST = TypeAdapter(list[Any])


class WordPress:
    """One site. `url` has no trailing slash."""

    def __init__(self, url: str) -> None:
        self._route = f"{url}/wp-json/wp/v2/media"

    def media(self, attachment_id: int) -> Media | None:
        """Ask for a picture; None when the site says that it has none of this id. Raises MediaAwayError."""
        try:
            body = self._get(f"{self._route}/{attachment_id}")
            media = Media.model_validate_json(body) if body is not None else None
        except (requests.RequestException, ValidationError, MediaAwayError) as error:
            MEDIA_LOOKUPS.labels("away").inc()
            raise MediaAwayError(f"{type(error).__name__} from WordPress for picture {attachment_id}") from error
        MEDIA_LOOKUPS.labels("found" if media else "unknown").inc()
        return media

    def library(self) -> Iterator[Listed]:
        """Every picture of the site that is whole in its answer, page by page. Raises MediaAwayError."""
        for number in itertools.count(1):
            try:
                body = self._get(f"{self._route}?media_type=image&per_page={PER_PAGE}&page={number}")
                found = LIST.validate_json(body) if body is not None else []
            except (requests.RequestException, ValidationError) as error:
                raise MediaAwayError(f"{type(error).__name__} from WordPress, page {number} of its library") from error
            for item in found:
                with contextlib.suppress(ValidationError):  # a picture without dimensions cannot be priced
                    yield Listed.model_validate(item)
            if len(found) < PER_PAGE:
                return

    def _get(self, url: str) -> bytes | None:
        deadline = time.monotonic() + DEADLINE_S
        with requests.Session() as session:
            session.trust_env = False
            with session.get(url, timeout=TIMEOUT_S, allow_redirects=False, stream=True) as answer:
                if answer.status_code in {400, 401, 403, 404, 410}:
                    return None
                if answer.status_code != requests.codes.ok:
                    raise MediaAwayError(f"WordPress answers {answer.status_code}")
                return _bounded(answer, deadline)


def _bounded(answer: requests.Response, deadline: float) -> bytes:
    body = bytearray()
    for chunk in answer.iter_content(16_384):
        body += chunk
        if len(body) > MAX_BYTES or time.monotonic() > deadline:
            raise MediaAwayError("the answer of WordPress is too long or too slow")
    return bytes(body)
