"""Download links: whole, in parts, and only while they live."""

import hashlib
from uuid import uuid4

import pytest

from tests.integration.ingest.finished import CONTENT, Finished, deliver, link
from tests.integration.ingest.shop import Shop
from tests.integration.sandbox.standin import until

SIZE = len(CONTENT)


@pytest.fixture(scope="module")
def finished(shop: Shop) -> Finished:
    return deliver(shop, shop.paid())


def _downloads(shop: Shop, token_of: Finished) -> int:
    return int(shop.rows("SELECT downloads FROM links WHERE job_id = %s", token_of.job_id)[0]["downloads"])


def test_the_whole_file_and_how_it_is_sent(shop: Shop, finished: Finished) -> None:
    answer = shop.get(finished.path)
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["Content-Length"] == str(SIZE)
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["ETag"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'
    name = f"enlarged-4x-{finished.ticket[3:11]}.png"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "noindex" in answer.headers["X-Robots-Tag"]


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-0", 0, 1), ("bytes=1000-", 1000, SIZE), ("bytes=-5", SIZE - 5, SIZE), ("bytes=7-99", 7, 100)],
)
def test_a_part(shop: Shop, finished: Finished, asked: str, start: int, end: int) -> None:
    answer = shop.get(finished.path, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (206, CONTENT[start:end])
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{SIZE}"


def test_a_part_outside_the_file(shop: Shop, finished: Finished) -> None:
    answer = shop.get(finished.path, headers={"Range": f"bytes={SIZE}-"})
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{SIZE}")


def test_a_part_of_another_file_brings_the_whole_one(shop: Shop, finished: Finished) -> None:
    answer = shop.get(finished.path, headers={"Range": "bytes=5-", "If-Range": '"other"'})
    assert (answer.status_code, answer.content) == (200, CONTENT)


def test_only_the_last_byte_counts_as_a_download(shop: Shop) -> None:
    finished = deliver(shop, shop.paid())
    shop.get(finished.path, headers={"Range": "bytes=0-99"})
    for path in (finished.path, f"/d/{finished.token}"):
        head = _head(shop, path)
        assert head == 200
    shop.get(f"/d/{finished.token}")
    assert _downloads(shop, finished) == 0
    shop.get(finished.path, headers={"Range": "bytes=100-"})
    until(lambda: _downloads(shop, finished) == 1)
    assert shop.rows("SELECT last_download_at FROM links WHERE job_id = %s", finished.job_id)[0]["last_download_at"]


def test_a_download_that_is_broken_off_is_not_counted(shop: Shop) -> None:
    finished = deliver(shop, shop.paid(), CONTENT * 20)
    answer = shop.get(finished.path, stream=True)
    assert next(answer.iter_content(1000))
    answer.close()
    shop.get(f"/d/{finished.token}")
    assert _downloads(shop, finished) == 0


def test_the_page_leads_to_the_file(shop: Shop, finished: Finished) -> None:
    answer = shop.get(f"/d/{finished.token}")
    assert answer.status_code == 200
    assert f'href="{finished.path}"' in answer.text
    assert "1,920 \N{MULTIPLICATION SIGN} 1,280" in answer.text
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("prefix", ["/wp-json/smi/v1/download/", "/d/"])
def test_tokens_that_open_nothing(shop: Shop, prefix: str) -> None:
    expired = shop.paid()
    deliver(shop, expired)
    job_id = shop.job(expired)["job_id"]
    for token, status in {
        "abc": 400,
        "Z" * 64: 400,
        "0" * 64: 404,
        link(shop, job_id, 2, "-1 s"): 410,
        link(shop, shop.job(shop.paid())["job_id"], 1): 425,
    }.items():
        answer = shop.get(prefix + token)
        assert answer.status_code == status
        if prefix == "/d/":
            assert answer.headers["Content-Type"].startswith("text/html")
        else:
            assert answer.json()["data"] == {"status": status}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE links SET revoked_at = now() WHERE job_id = %s",
        "UPDATE links SET expires_at = now() WHERE job_id = %s",
        "UPDATE deliveries SET removed_at = now() WHERE job_id = %s",
    ],
)
def test_what_is_over_is_gone(shop: Shop, statement: str) -> None:
    finished = deliver(shop, shop.paid())
    shop.rows(statement, finished.job_id)
    assert shop.get(finished.path).status_code == 410
    assert "download_url" not in shop.status(finished.ticket)


def test_the_link_stands_in_the_status(shop: Shop, finished: Finished) -> None:
    status = shop.status(finished.ticket)
    assert (status["status"], status["progress"], status["stage"]) == ("completed", 1.0, "completed")
    assert status["download_url"] == f"{shop.url}/d/{finished.token}"


def test_an_operational_id_opens_nothing(shop: Shop, finished: Finished) -> None:
    assert shop.get(f"/d/{finished.job_id}").status_code == 400
    assert shop.get(f"/jobs/{uuid4()}").status_code == 404


def _head(shop: Shop, path: str) -> int:
    return shop.request("HEAD", path).status_code
