"""The provider's client against a real server: what each answer means, in both dialects."""

import json
import time
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from pydantic import SecretStr

from common.provider import (
    NotAccepted,
    OurTrouble,
    PictureRefused,
    Report,
    State,
    Submission,
    SubmitAnswer,
    Unclear,
    Unknown,
)  # fmt: skip
from common.upsampler import UNKNOWN_STATUSES, NullProvider, Upsampler
from tests.unit.builders import JOB, answer, closed_port, site

ORDER = Submission(JOB, "https://shop.example/fox.jpg", 4, "https://pictures.example/hook")
BUSY = "429 Too Many Requests"
Dialect = Literal["live", "documented"]


def _client(url: str, dialect: Dialect = "live", timeout_s: float = 10) -> Upsampler:
    return Upsampler(url, SecretStr("key-of-the-test"), dialect, timeout_s)


def _submit(whole: bytes, dialect: Dialect = "live") -> SubmitAnswer:
    with site(whole) as server:
        return _client(server.url, dialect).submit(ORDER)


def _status(whole: bytes, dialect: Dialect = "live") -> Report | Unclear:
    with site(whole) as server:
        return _client(server.url, dialect).status("up_1")


def _json(body: Any, *headers: str, status: str = "200 OK") -> bytes:
    return answer(json.dumps(body).encode(), *headers, status=status)


STATUSES: dict[int, SubmitAnswer] = {
    400: PictureRefused("status 400: no"), 413: PictureRefused("status 413: no"), 415: PictureRefused("status 415: no"),
    422: PictureRefused("status 422: no"), 401: OurTrouble("status 401: no"), 402: OurTrouble("status 402: no"),
    403: OurTrouble("status 403: no"), 404: OurTrouble("status 404: no"),
    429: NotAccepted("status 429: no", busy=True), 503: NotAccepted("status 503: no", busy=True),
    500: Unknown("status 500: no"), 502: Unknown("status 502: no"), 504: Unknown("status 504: no"),
    408: Unknown("status 408: no"), 409: Unknown("status 409: no"), 418: Unknown("status 418: no"),
    201: Unknown("status 201: no"), 202: Unknown("status 202: no"), 301: Unknown("status 301: no"),
    302: Unknown("status 302: no"), 307: Unknown("status 307: no"),
}  # fmt: skip


@pytest.mark.parametrize(("status", "expected"), STATUSES.items())
def test_each_status_of_a_submission_has_its_meaning(status: int, expected: SubmitAnswer) -> None:
    assert _submit(_json({"error": "no"}, status=f"{status} X")) == expected


LIVE: dict[str, Report] = {
    '{"id": "up_1", "status": "IN_QUEUE", "creditCost": 16}': Report("up_1", State.QUEUED, credits=16),
    '{"id": "up_1", "status": "IN_PROGRESS"}': Report("up_1", State.PROCESSING),
    '{"id": "up_1", "status": "SUCCESS", "imageUrl": "https://c/1", "creditCost": 15.2, "new": 1}': Report(
        "up_1", State.SUCCEEDED, "https://c/1", 16
    ),
    '{"id": "up_1", "status": "FAILED", "error": {"code": 7}}': Report("up_1", State.FAILED, error='{"code": 7}'),
    '{"id": "up_1", "status": "DREAMING"}': Report("up_1", State.PROCESSING),
    '{"id": "up_1", "status": "IN_QUEUE", "creditCost": 1e300}': Report("up_1", State.QUEUED),
    '{"id": "up_1", "status": "IN_QUEUE", "creditCost": -4}': Report("up_1", State.QUEUED),
    '{"id": "up_1", "status": "IN_QUEUE", "creditCost": NaN}': Report("up_1", State.QUEUED),
    '{"id": "up_1", "status": "IN_QUEUE", "creditCost": Infinity}': Report("up_1", State.QUEUED),
}
DOCUMENTED: dict[str, Report] = {
    '{"success": true, "job_id": "up_1", "status": "queued"}': Report("up_1", State.QUEUED),
    '{"job_id": "up_1", "status": "processing", "result_url": null}': Report("up_1", State.PROCESSING),
    '{"job_id": "up_1", "status": "completed", "result_url": "https://c/1"}': Report(
        "up_1", State.SUCCEEDED, "https://c/1"
    ),
    '{"job_id": "up_1", "status": "failed", "error": "too dark"}': Report("up_1", State.FAILED, error="too dark"),
}
GOOD: list[tuple[Dialect, str, Report]] = [("live", body, told) for body, told in LIVE.items()]
GOOD += [("documented", body, told) for body, told in DOCUMENTED.items()]


@pytest.mark.parametrize(("dialect", "body", "expected"), GOOD)
def test_both_dialects_speak_one_vocabulary(dialect: Dialect, body: str, expected: Report) -> None:
    assert _submit(answer(body.encode()), dialect) == expected
    assert _status(answer(body.encode()), dialect) == expected


GARBAGE = [
    b"", b"OK", b"<html>busy</html>", b"[]", b"null", b'{"id": "up_1"}', b'{"status": "IN_QUEUE"}', b'{"id": 7',
    b'{"id": 7, "status": "IN_QUEUE"}', b'{"id": "", "status": "IN_QUEUE"}', b"\xff\xfe", b"[" * 100_000,
    b'{"id": "up_1", "status": "SUCCESS"}', b'{"id": "up_1", "status": "SUCCESS", "imageUrl": ""}',
    b'{"id": "' + b"x" * 3000 + b'", "status": "IN_QUEUE"}', b'{"id": "a\\u0000b", "status": "IN_QUEUE"}',
    b'{"id": "up_1", "status": "SUCCESS", "imageUrl": "https://c/\\u0000"}',
]  # fmt: skip


@pytest.mark.parametrize("body", GARBAGE, ids=range(len(GARBAGE)))
def test_an_answer_that_does_not_parse_may_have_been_accepted(body: bytes) -> None:
    assert isinstance(_submit(answer(body)), Unknown)
    assert isinstance(_status(answer(body)), Unclear)


@pytest.mark.parametrize(
    "body", [b"", b"no", b"[]", b'{"error": null}', b'{"error": "\\ud800\\u0000"}', b'{"error": ' + b"[" * 9999]
)
def test_an_error_in_any_shape_is_an_error_that_the_database_can_hold(body: bytes) -> None:
    told = _submit(answer(body, status="400 Bad"))

    assert isinstance(told, PictureRefused)
    assert "\0" not in told.why
    assert told.why.encode("utf-8")


RETRY: dict[str, float | None] = {
    "7": 7, "0": 0, "": None, "-5": None, "soon": None, "Wed, 21 Oct 2015 07:28:00 GMT": None, "1.5": None,
    "9" * 30: 3600, "9" * 400: 3600,
}  # fmt: skip


@pytest.mark.parametrize(("header", "wait_s"), RETRY.items())
def test_retry_after_is_honoured_within_reason(header: str, wait_s: float | None) -> None:
    whole = _json({}, f"Retry-After: {header}", status=BUSY)

    assert _submit(whole) == NotAccepted("status 429: no reason given", busy=True, retry_after_s=wait_s)
    assert _status(whole) == Unclear("status 429", wait_s)


def test_a_refused_connection_was_surely_not_accepted() -> None:
    client = _client(f"http://127.0.0.1:{closed_port()}")

    assert client.submit(ORDER) == NotAccepted("the connection was refused", busy=False)
    assert isinstance(client.status("up_1"), Unclear)


def test_a_name_that_does_not_resolve_was_surely_not_asked() -> None:
    assert isinstance(_client("http://no-such-host.invalid").submit(ORDER), NotAccepted)


def _drip() -> Iterator[bytes | float]:
    yield answer(b"", "Content-Length: 9999", length=False)
    for _ in range(9999):
        yield b" "
        yield 0.05


BROKEN: dict[str, list[bytes | float]] = {
    "silence": [5.0], "no word": [b""], "half a head": [b"HTTP/1.1 200 O"], "half a body": [answer(b"{}")[:-1]],
    "no HTTP": [b"hello"], "a body without end": [answer(b" " * (2 << 20))],
}  # fmt: skip


@pytest.mark.parametrize("pieces", BROKEN.values(), ids=BROKEN.keys())
def test_a_call_that_broke_may_have_been_accepted(pieces: list[bytes | float]) -> None:
    with site(*pieces) as server:
        client = _client(server.url, timeout_s=0.3)
        assert isinstance(client.submit(ORDER), Unknown)
        assert isinstance(client.status("up_1"), Unclear)


def test_a_slow_drip_ends_at_the_calls_deadline() -> None:
    started = time.monotonic()
    with site(script=_drip) as server:
        assert isinstance(_client(server.url, timeout_s=0.4).submit(ORDER), Unknown)

    assert time.monotonic() - started < 10, "the whole drip takes minutes"


@pytest.mark.parametrize("dialect", ["live", "documented"])
def test_the_request_is_the_documented_one(dialect: Dialect) -> None:
    with site(_json({})) as server:
        _client(server.url + "/api/v1/", dialect).submit(ORDER)
    head, _, body = server.requests[0].partition(b"\r\n\r\n")

    assert head.startswith(b"POST /api/v1/precise-upscale HTTP/1.1\r\n")
    assert b"Authorization: Bearer key-of-the-test" in head
    assert json.loads(body) == SENT[dialect]


SENT: dict[str, Any] = {
    "live": {
        "webhook": ORDER.webhook_url,
        "input": {
            "imageUrl": ORDER.image_url, "inputImageType": "universal", "upscaleFactor": 4,
            "shouldEnhanceFaces": False, "shouldPreserveBlur": False,
        },
    },
    "documented": {
        "image_url": ORDER.image_url, "scale_factor": 4, "format": "auto", "webhook_url": ORDER.webhook_url,
        "metadata": {"job_id": str(JOB), "plugin": "sell-my-images"},
    },
}  # fmt: skip


def test_an_id_of_theirs_cannot_lead_to_another_path() -> None:
    with site(_json({})) as server:
        _client(server.url).status("../credits?x=1")

    assert server.requests[0].startswith(b"GET /status/..%2Fcredits%3Fx%3D1 ")


def test_the_null_provider_succeeds_at_once() -> None:
    told = NullProvider().submit(ORDER)

    assert isinstance(told, Report)
    assert told.state is State.SUCCEEDED
    assert NullProvider().status(told.provider_id) == told


def test_an_unknown_status_word_counts_as_still_processing_and_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    before = UNKNOWN_STATUSES.collect()
    asked = _json({"id": "up_1", "status": "PONDERING"})

    assert [_status(asked), _status(asked)] == [Report("up_1", State.PROCESSING)] * 2
    counted = [family.samples[0].value for family in (*before, *UNKNOWN_STATUSES.collect())]
    assert counted[1] - counted[0] == 2
    assert capsys.readouterr().out.count("PONDERING") == 1
