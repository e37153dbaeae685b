"""The provider: one client and one vocabulary, whichever dialect is on the wire (contracts.md section 1).

What each failure of a submission means stands in design section 4: a submission has no idempotency key, so only what
was surely not accepted may be sent again. A status check may be repeated after anything.
"""

import json
import math
import time
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Literal
from urllib.parse import quote

import requests
import structlog
from prometheus_client import Counter
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, NewConnectionError

from common import logs, tracing
from common.provider import (
    NULL_URL,
    NotAccepted,
    OurTrouble,
    PictureRefused,
    Report,
    State,
    Submission,
    SubmitAnswer,
    Unclear,
    Unknown,
)

CONNECT_S, MAX_RETRY_AFTER_S = 5.0, 3600.0
MAX_ANSWER, MAX_CREDITS = 1 << 20, 1_000_000
POOL = 16
UNKNOWN_STATUSES = Counter("enlarger_provider_unknown_statuses", "Status words of the provider that we do not know.")

log = structlog.get_logger()
Dialect = Literal["live", "documented"]


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore")


# What the database can hold and index: an answer that it refused could never be recorded.
_Id = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]+$")]
_Url = Annotated[str, Field(max_length=4096, pattern=r"^[^\x00]*$")]


class _LiveAnswer(_Lenient):
    id: _Id
    status: str
    imageUrl: _Url | None = None  # noqa: N815 - the wire's name
    creditCost: Annotated[Decimal, Field(allow_inf_nan=True)] | None = None  # noqa: N815 - the wire's name
    error: object = None


class _DocumentedAnswer(_Lenient):
    job_id: _Id
    status: str
    result_url: _Url | None = None
    error: object = None


_STATES = {
    "IN_QUEUE": State.QUEUED,
    "IN_PROGRESS": State.PROCESSING,
    "SUCCESS": State.SUCCEEDED,
    "FAILED": State.FAILED,
    "queued": State.QUEUED,
    "processing": State.PROCESSING,
    "completed": State.SUCCEEDED,
    "failed": State.FAILED,
}


class Upsampler:
    """The real provider (or its stand-in) over HTTP: keep-alive, pooled, timed out. Thread-safe."""

    def __init__(self, url: str, key: SecretStr, dialect: Dialect, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._base = url.rstrip("/")
        self._documented = dialect == "documented"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {key.get_secret_value()}"
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_connections=2, pool_maxsize=POOL, max_retries=0))

    def submit(self, submission: Submission) -> SubmitAnswer:
        """One call; never raises for what the network or the provider does."""
        try:
            status, body, retry_after = self._call("POST", "/precise-upscale", self._body(submission))
        except requests.ConnectionError as error:
            if _refused(error):
                return NotAccepted("the connection was refused", busy=False)
            return Unknown(f"no answer: {type(error).__name__}")
        except (requests.RequestException, HTTPError, TimeoutError, ValueError) as error:
            return Unknown(f"no answer: {type(error).__name__}")
        return self._judge(status, body, retry_after)

    def status(self, provider_id: str) -> Report | Unclear:
        """Ask how one submission stands. A 404 is an error like any other: the caller backs off (design section 4)."""
        try:
            status, body, retry_after = self._call("GET", f"/status/{quote(provider_id, safe='')}")
        except (requests.RequestException, HTTPError, TimeoutError, ValueError) as error:
            return Unclear(f"no answer: {type(error).__name__}")
        if status != 200:  # noqa: PLR2004 - HTTP
            return Unclear(f"status {status}", retry_after)
        return self._report(body) or Unclear("the answer does not parse")

    def _judge(self, status: int, body: bytes, retry_after: float | None) -> SubmitAnswer:
        why = f"status {status}: {_error_text(body)}"
        match status:
            case 200:
                return self._report(body) or Unknown("the answer does not parse")
            case 429 | 503:
                return NotAccepted(why, busy=True, retry_after_s=retry_after)
            case 400 | 413 | 415 | 422:
                return PictureRefused(why)
            case 401 | 402 | 403 | 404:
                return OurTrouble(why)
            case _:
                return Unknown(why)

    def _body(self, s: Submission) -> dict[str, object]:
        if self._documented:
            return {
                "image_url": s.image_url,
                "scale_factor": s.factor,
                "format": "auto",
                "webhook_url": s.webhook_url,
                "metadata": {"job_id": str(s.job_id), "plugin": "sell-my-images"},
            }
        options = {"upscaleFactor": s.factor, "shouldEnhanceFaces": False, "shouldPreserveBlur": False}
        return {"webhook": s.webhook_url, "input": {"imageUrl": s.image_url, "inputImageType": "universal", **options}}

    def _report(self, body: bytes) -> Report | None:
        try:
            if self._documented:
                told = _DocumentedAnswer.model_validate_json(body)
                return _checked(Report(told.job_id, _state(told.status), told.result_url, None, _text(told.error)))
            live = _LiveAnswer.model_validate_json(body)
        except ValidationError:
            return None
        return _checked(
            Report(live.id, _state(live.status), live.imageUrl, _credits(live.creditCost), _text(live.error))
        )

    def _call(self, method: str, path: str, body: object = None) -> tuple[int, bytes, float | None]:
        deadline = time.monotonic() + self._timeout_s
        with self._session.request(
            method,
            self._base + path,
            json=body,
            headers=tracing.headers(logs.traceparent()),
            timeout=(min(CONNECT_S, self._timeout_s), self._timeout_s),
            allow_redirects=False,
            stream=True,
        ) as response:
            content = b""
            # read1 returns what one receive brought, so that a slow drip meets the deadline after each piece
            while chunk := response.raw.read1(65536, decode_content=True):
                content += chunk
                if len(content) > MAX_ANSWER:
                    raise ValueError("the answer is too long")
                if time.monotonic() > deadline:
                    raise TimeoutError("the answer took too long")
            return response.status_code, content, _seconds(response.headers.get("Retry-After"))


class NullProvider:
    """`UPSAMPLER_URL=null:`: answers SUCCESS at once and knows no rates; for benchmarks."""

    def submit(self, submission: Submission) -> SubmitAnswer:
        return Report(f"null-{submission.job_id}", State.SUCCEEDED, NULL_URL, 0)

    def status(self, provider_id: str) -> Report | Unclear:
        return Report(provider_id, State.SUCCEEDED, NULL_URL, 0)


def _state(word: str) -> State:
    """Unknown statuses are treated as still processing, logged once and counted (contracts.md section 1)."""
    known = _STATES.get(word)
    if known is None:
        UNKNOWN_STATUSES.inc()
        _say_once(word[:50])
    return known or State.PROCESSING


@lru_cache(maxsize=64)
def _say_once(word: str) -> None:
    log.warning("provider.unknown_status", status=word)


def _credits(cost: Decimal | None) -> int | None:
    """Whole credits; a number that can be no price is as good as none, the submission was accepted all the same."""
    known = cost is not None and cost.is_finite() and 0 <= cost <= MAX_CREDITS
    return math.ceil(cost) if cost is not None and known else None


def _checked(report: Report) -> Report | None:
    """A success without a result is an answer that does not parse."""
    return None if report.state is State.SUCCEEDED and not report.result_url else report


def _refused(error: requests.ConnectionError) -> bool:
    """True when no connection was made at all: nothing can have been accepted."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError) or isinstance(error, requests.exceptions.ConnectTimeout)


def _seconds(value: str | None) -> float | None:
    return min(float(value), MAX_RETRY_AFTER_S) if value and value.isascii() and value.isdigit() else None


def _error_text(body: bytes) -> str:
    try:
        return _text(json.loads(body)["error"]) or "no reason given"
    except (ValueError, KeyError, TypeError, RecursionError):
        return "no reason given"


def _text(error: object) -> str | None:
    if error is None or error == "":
        return None
    text = (error if isinstance(error, str) else json.dumps(error))[:500]
    return text.encode("utf-8", "replace").decode().replace("\0", "")  # PostgreSQL takes neither surrogates nor NUL
