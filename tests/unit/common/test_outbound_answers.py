"""What a server may answer to a guarded fetch: every lie about the body is found, and nothing outlasts its deadline."""

import gzip
import hashlib
import io
import itertools
import time
from collections.abc import Iterator

import pytest

from common.outbound import Fetched, Guard, Limits, Refused, Unreached
from tests.unit.builders import Script, answer, closed_port, site

BODY = bytes(range(256)) * 100
LIMITS = Limits(100_000, 10.0)
Verdict = Fetched | Refused | Unreached


def _fetch(*pieces: bytes | float, script: Script | None = None, limits: Limits = LIMITS) -> tuple[Verdict, bytes]:
    with site(*pieces, script=script) as server:
        host = f"127.0.0.1:{server.port}"
        target = io.BytesIO()
        verdict = Guard([host], [host]).fetch(f"{server.url}/result.png", target, limits)
        assert server.connections == 1, "a fetch is one connection"
        return verdict, target.getvalue()


def _chunked(*sizes: int, end: bytes = b"0\r\n\r\n") -> bytes:
    chunks = b"".join(b"%x\r\n" % size + BODY[:size] + b"\r\n" for size in sizes)
    return answer(chunks + end, "Transfer-Encoding: chunked", length=False)


def test_a_whole_body_is_written_counted_and_digested() -> None:
    verdict, written = _fetch(answer(BODY, "Content-Type: image/png"))

    assert verdict == Fetched(len(BODY), hashlib.sha256(BODY).hexdigest(), "image/png")
    assert written == BODY


@pytest.mark.parametrize(
    ("whole", "expected"),
    {"no length": (answer(BODY, length=False), BODY), "chunks": (_chunked(1000, 5), BODY[:1000] + BODY[:5])}.values(),
)
def test_a_body_without_a_length_is_taken_until_its_end(whole: bytes, expected: bytes) -> None:
    verdict, written = _fetch(whole)

    assert isinstance(verdict, Fetched)
    assert written == expected


def test_what_follows_the_announced_length_is_not_taken() -> None:
    verdict, written = _fetch(answer(BODY) + b"and more" * 1000)

    assert isinstance(verdict, Fetched)
    assert written == BODY


@pytest.mark.parametrize("kept", range(0, 100, 10))
def test_a_body_cut_anywhere_is_not_whole(kept: int) -> None:
    whole = answer(BODY)
    head = len(whole) - len(BODY)
    verdict, _ = _fetch(whole[: head + len(BODY) * kept // 100])

    assert isinstance(verdict, Unreached), verdict


CUT = {
    "a chunk cut short": _chunked(1000)[:-600],
    "no last chunk": _chunked(1000, end=b""),
    "a chunk of no size": _chunked(1000, end=b"xyz\r\n"),
    "a head cut short": b"HTTP/1.1 200 OK\r\nContent-Len",
    "nothing": b"",
    "no HTTP": b"\x89PNG\r\n\x1a\n" + BODY,
    "two lengths": answer(BODY, f"Content-Length: {len(BODY) + 1}"),
    "a server's error": answer(b"", status="500 Internal Server Error"),
    "too busy": answer(b"", status="429 Too Many Requests"),
    "a status of its own": answer(b"", status="799 Odd"),
    "no content": answer(b"", status="204 No Content", length=False),
    "a part": answer(BODY, f"Content-Range: bytes 0-9/{len(BODY)}", status="206 Partial Content"),
}


@pytest.mark.parametrize("whole", CUT.values(), ids=CUT.keys())
def test_an_answer_that_is_no_answer_may_be_better_later(whole: bytes) -> None:
    verdict, _ = _fetch(whole)

    assert isinstance(verdict, Unreached), verdict


REFUSED = {
    "gzip": (answer(gzip.compress(BODY), "Content-Encoding: gzip"), "encoded although identity"),
    "gzip inside identity": (answer(BODY, "Content-Encoding: identity, gzip"), "encoded although identity"),
    "an encoding nobody knows": (answer(BODY, "Content-Encoding: x"), "encoded although identity"),
    "a length in words": (answer(BODY, "Content-Length: many", length=False), "Content-Length is no number"),
    "a signed length": (answer(BODY, "Content-Length: +25600", length=False), "Content-Length is no number"),
    "a negative length": (answer(BODY, "Content-Length: -1", length=False), "Content-Length is no number"),
    "a length that is too long": (answer(BODY, "Content-Length: 100001", length=False), "at most 100000"),
    "a longer body": (answer(BODY * 4, length=False), "longer than 100000"),
}


@pytest.mark.parametrize(("whole", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_an_unacceptable_body_is_refused(whole: bytes, reason: str) -> None:
    verdict, written = _fetch(whole)

    assert isinstance(verdict, Refused), verdict
    assert reason in verdict.reason
    assert len(written) <= LIMITS.max_bytes


REQUESTED = {
    "/h\u00e4user.jpg": "/h%C3%A4user.jpg",
    "/\u5bb6/a.png?name=\u00fc&sig=a%2Bb/c==": "/%E5%AE%B6/a.png?name=%C3%BC&sig=a%2Bb/c==",
    "/%C3%A4%zz~'(x)*[1]|{2}^`": "/%C3%A4%zz~'(x)*[1]|{2}^`",
    "?\U0001f3e0": "/?%F0%9F%8F%A0",
}


@pytest.mark.parametrize(("written", "asked"), REQUESTED.items())
def test_what_is_not_ascii_is_percent_encoded_and_the_rest_is_left_alone(written: str, asked: str) -> None:
    with site(answer(BODY)) as server:
        host = f"127.0.0.1:{server.port}"
        verdict = Guard([host], [host]).fetch(server.url + written, io.BytesIO(), LIMITS)

    assert isinstance(verdict, Fetched), verdict
    assert server.requests[0].startswith(f"GET {asked} HTTP/1.1\r\n".encode())


@pytest.mark.parametrize("host", ["\u00fcber.example", "\u4f8b.example"])
def test_a_url_that_no_request_can_be_written_with_is_refused(host: str) -> None:
    guard = Guard([host], [host], lambda _host, _port: ["127.0.0.1"])

    assert isinstance(guard.fetch(f"http://{host}:{closed_port()}/", io.BytesIO(), LIMITS), Refused)
    assert isinstance(Guard(["a.example"], ()).fetch("https://a.example/\ud800", io.BytesIO(), LIMITS), Refused)


@pytest.mark.parametrize("status", ["404 Not Found", "410 Gone", "403 Forbidden", "401 Unauthorized"])
def test_a_result_that_is_not_there_is_gone(status: str) -> None:
    verdict, _ = _fetch(answer(b"no", status=status))

    assert isinstance(verdict, Refused)
    assert verdict.gone


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_not_followed(status: str) -> None:
    with site(answer(b"inside")) as inside:
        verdict, _ = _fetch(answer(b"", f"Location: {inside.url}/", status=status))

    assert verdict == Refused("a redirect is not followed")
    assert inside.connections == 0


def _endless() -> Iterator[bytes | float]:
    yield answer(b"", length=False)
    yield from itertools.repeat(BODY)


def test_an_endless_body_ends_at_the_cap() -> None:
    verdict, written = _fetch(script=_endless)

    assert isinstance(verdict, Refused)
    assert len(written) <= LIMITS.max_bytes


def _drip(*whole: bytes) -> Script:
    return lambda: itertools.chain.from_iterable((bytes([byte]), 0.05) for byte in itertools.chain(*whole))


DRIPS = {
    "the body": lambda: itertools.chain([answer(BODY)[: -len(BODY)]], _drip(BODY)()),
    "the head": _drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", BODY),
    "the chunks": lambda: itertools.chain([_chunked(end=b"")], _drip(b"1\r\nx\r\n" * 1000)()),
    "silence": lambda: [answer(BODY)[:-10], 60.0],
}


@pytest.mark.parametrize("script", DRIPS.values(), ids=DRIPS.keys())
def test_a_slow_drip_ends_at_the_deadline(script: Script) -> None:
    started = time.monotonic()
    verdict, _ = _fetch(script=script, limits=Limits(100_000, 0.4))

    assert isinstance(verdict, Unreached), verdict
    assert time.monotonic() - started < 20, "the whole drip takes a minute or more"


def test_a_server_that_is_away_may_be_back_later() -> None:
    host = f"127.0.0.1:{closed_port()}"
    verdict = Guard([host], [host]).fetch(f"http://{host}/", io.BytesIO(), LIMITS)

    assert isinstance(verdict, Unreached)


def test_the_environment_sends_no_fetch_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with site(answer(b"from the proxy")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        _, written = _fetch(answer(BODY))

    assert written == BODY
    assert proxy.connections == 0
