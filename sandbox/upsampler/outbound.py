"""What the provider asks of the world: the source picture, and the customer's webhook."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from sandbox.upsampler.pictures import BadPictureError

SOURCE_MAX_BYTES = 100_000_000
_REALLY: dict[str, str] = {}  # public address -> where it is reached from here
TIMEOUT_S = (3, 10)  # to connect, and between two reads; also the longest that SIGTERM waits for a call
CHUNK = 1 << 16


@dataclass(frozen=True)
class Reply:
    """What a webhook's receiver said: its HTTP status, or None and the reason why there was none."""

    status: int | None
    error: str | None = None

    @property
    def taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 (2xx)


def reach(public: str, really: str) -> None:
    """From now on addresses under `public` are asked at `really`: a browser's localhost is another container to us."""
    _REALLY[public.rstrip("/") + "/"] = really.rstrip("/") + "/"


def fetch(url: str, target: Path) -> None:
    """Download the source picture; raises BadPictureError with a text for the job's `error`."""
    try:
        with _session() as session, session.get(_really(url), stream=True, timeout=TIMEOUT_S) as response:
            if not response.ok:
                raise BadPictureError(f"the source picture's server answered {response.status_code}")
            _store(response, target)
    except requests.RequestException as error:
        raise BadPictureError(f"the source picture cannot be downloaded: {type(error).__name__}") from error


def _store(response: requests.Response, target: Path) -> None:
    size = 0
    with target.open("wb") as file:
        for chunk in response.iter_content(CHUNK):
            size += len(chunk)
            if size > SOURCE_MAX_BYTES:
                raise BadPictureError(f"the source picture is larger than {SOURCE_MAX_BYTES} bytes")
            file.write(chunk)


def post(url: str, body: dict[str, Any]) -> Reply:
    """One POST of a webhook, unsigned, redirects not followed."""
    try:
        with _session() as session:
            response = session.post(_really(url), json=body, timeout=TIMEOUT_S, allow_redirects=False)
    except requests.RequestException as error:
        return Reply(None, type(error).__name__)
    return Reply(response.status_code)


def _really(url: str) -> str:
    for public, really in _REALLY.items():
        if url.startswith(public):
            return really + url.removeprefix(public)
    return url


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # no proxy of this machine stands between the stand-in and the system
    return session
