"""The shop as ingest and a browser meet it: the real process, over HTTP."""

import io
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from PIL import Image
from requests.adapters import HTTPAdapter
from urllib3 import Retry

INGEST = "http://127.0.0.1:8000"
MEDIA = "/wp-json/wp/v2/media"


@dataclass(frozen=True)
class Shop:
    url: str
    http: requests.Session

    def get(self, path: str) -> requests.Response:
        return self.http.get(f"{self.url}{path}", timeout=10)

    def media(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.get(MEDIA).json()
        return items


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    port = _free_port()
    environment = {**os.environ, "SANDBOX_SHOP_PORT": str(port), "PUBLIC_URL": INGEST}
    with (
        requests.Session() as http,
        subprocess.Popen([sys.executable, "-m", "sandbox.shop"], env=environment) as process,
    ):
        try:
            http.mount("http://", HTTPAdapter(max_retries=Retry(connect=10, backoff_factor=0.1)))
            http.get(f"http://127.0.0.1:{port}/healthz", timeout=10).raise_for_status()
            yield Shop(f"http://127.0.0.1:{port}", http)
        finally:
            process.terminate()


def test_the_media_list_holds_the_eight_photographs(shop: Shop) -> None:
    answer = shop.get(MEDIA)
    assert answer.headers["X-WP-Total"] == "8"
    assert [item["id"] for item in answer.json()] == list(range(101, 109))


def test_each_media_item_stands_under_its_own_address(shop: Shop) -> None:
    for item in shop.media():
        assert shop.get(f"{MEDIA}/{item['id']}").json() == item
        assert item["_links"]["self"][0]["href"] == f"{shop.url}{MEDIA}/{item['id']}"


def test_a_media_item_has_the_shape_that_wordpress_documents(shop: Shop) -> None:
    item = shop.get(f"{MEDIA}/101").json()
    texts = ["date", "date_gmt", "slug", "type", "link", "alt_text", "media_type", "mime_type", "source_url"]
    assert {name: type(item[name]) for name in texts} == dict.fromkeys(texts, str)
    assert (item["type"], item["status"], item["media_type"]) == ("attachment", "inherit", "image")
    assert all(item[name]["rendered"] for name in ("guid", "title", "caption"))
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}", item["date"])
    assert set(item["media_details"]) == {"width", "height", "file", "filesize", "sizes", "image_meta"}


def test_dimensions_type_and_bytes_are_those_of_the_file_served(shop: Shop) -> None:
    for item in shop.media():
        served = shop.get(item["source_url"].removeprefix(shop.url))
        details = item["media_details"]
        with Image.open(io.BytesIO(served.content)) as image:
            image.load()
            assert image.size == (details["width"], details["height"])
            assert image.get_format_mimetype() == item["mime_type"] == served.headers["Content-Type"]
        assert details["filesize"] == len(served.content) == int(served.headers["Content-Length"])


def test_an_unknown_id_is_refused_in_wordpress_words(shop: Shop) -> None:
    answer = shop.get(f"{MEDIA}/999")
    assert answer.status_code == 404
    assert answer.json() == {
        "code": "rest_post_invalid_id",
        "message": "Invalid post ID.",
        "data": {"status": 404},
    }


@pytest.mark.parametrize("path", [f"{MEDIA}/first", "/wp-json/wp/v2/tunes"])
def test_an_unknown_route_is_refused_in_wordpress_words(shop: Shop, path: str) -> None:
    answer = shop.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "rest_no_route")


def test_the_list_is_paged_as_wordpress_pages_it(shop: Shop) -> None:
    second = shop.get(f"{MEDIA}?per_page=5&page=2")
    assert [item["id"] for item in second.json()] == [106, 107, 108]
    assert second.headers["X-WP-TotalPages"] == "2"
    beyond = shop.get(f"{MEDIA}?per_page=5&page=3")
    assert (beyond.status_code, beyond.json()["code"]) == (400, "rest_post_invalid_page_number")


def test_the_page_may_call_ingest_and_nothing_else(shop: Shop) -> None:
    directives = shop.get("/").headers["Content-Security-Policy"].split("; ")
    policy = {name: rest for name, _, rest in (directive.partition(" ") for directive in directives)}
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data: blob:",
        "connect-src": INGEST,
        "form-action": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }


def test_the_page_needs_nothing_that_its_policy_forbids(shop: Shop) -> None:
    page = shop.get("/").text
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", page)
    own = re.findall(r'(?:src|href)="(/(?:static|photos)/[^"]+)"', page)
    assert len(own) >= 8
    assert all(shop.get(path).status_code == 200 for path in own)


def test_every_photograph_on_the_page_is_described_and_can_be_bought(shop: Shop) -> None:
    page = shop.get("/").text
    for item in shop.media():
        assert f'data-attachment-id="{item["id"]}"' in page
        assert f'alt="{item["alt_text"]}"' in page


@pytest.mark.parametrize("path", ["/photos/SOURCES.md", "/photos/none.jpg", "/photos/..%2fapp.py"])
def test_only_the_photographs_are_served_from_their_folder(shop: Shop, path: str) -> None:
    assert shop.get(path).status_code == 404


def test_a_public_url_with_a_path_is_refused_at_start() -> None:
    environment = {**os.environ, "SANDBOX_SHOP_PORT": "1", "PUBLIC_URL": "http://127.0.0.1:8000/shop"}
    refused = subprocess.run(
        [sys.executable, "-m", "sandbox.shop"], env=environment, capture_output=True, text=True, check=False
    )
    assert refused.returncode != 0
    assert "more than scheme, host and port" in refused.stderr
