"""WordPress's own media route: where a picture of the shop lies, and how large it is.

https://developer.wordpress.org/rest-api/reference/media/#retrieve-a-media-item
"""

import time

import requests
from pydantic import BaseModel, Field, ValidationError

from services.ingest.metrics import MEDIA_LOOKUPS

TIMEOUT_S = (3.05, 5.0)
DEADLINE_S = 10.0
MAX_BYTES = 1_000_000


class MediaAwayError(Exception):
    """WordPress did not answer, or not with a media item."""


class Details(BaseModel):
    width: int = Field(gt=0, le=1_000_000)
    height: int = Field(gt=0, le=1_000_000)


class Media(BaseModel):
    """A picture in WordPress's library."""

    media_type: str = Field(pattern="^image$")
    source_url: str = Field(max_length=4096)
    media_details: Details


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
