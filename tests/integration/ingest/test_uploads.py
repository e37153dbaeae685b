"""The customer's own picture, from the upload to the provider's fetch."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.integration.ingest.shop import API, Shop, signer
from tests.integration.sandbox.standin import encoded, photograph

PICTURE = encoded(photograph((400, 300)), "JPEG")


def _upload(shop: Shop, content: bytes = PICTURE) -> requests.Response:
    return shop.post(f"{API}/upload-image", files={"image": ("../../evil.php", content, "text/html")})


def _order(shop: Shop) -> str:
    upload_id = _upload(shop).json()["upload_id"]
    answer = shop.post(f"{API}/create-checkout-upload", data={"upload_id": upload_id, "resolution": "4x"})
    return str(answer.json()["job_id"])


def _source(shop: Shop, ticket: str, expires: int) -> str:
    job_id = shop.job(ticket)["job_id"]
    return f"/source/{job_id}/{expires}/{signer.sign('source', job_id, expires)}"


def test_an_upload_is_priced_and_sold(shop: Shop) -> None:
    told = _upload(shop).json()
    assert told["image_info"] == {"width": 400, "height": 300, "file_size": len(PICTURE)}
    answer = shop.post(f"{API}/create-checkout-upload", data={"upload_id": told["upload_id"], "resolution": "8x"})
    assert answer.json()["amount"] == told["pricing"]["8x"]["customer_price"]
    job = shop.job(answer.json()["job_id"])
    assert (job["source_kind"], job["source_url"]) == ("upload", f"upload:{told['upload_id']}")
    assert (job["source_width"], job["source_height"], job["factor"]) == (400, 300, 8)


def test_the_provider_fetches_it_by_a_signed_address(shop: Shop) -> None:
    path = _source(shop, _order(shop), int(time.time()) + 60)
    answer = shop.get(path)
    assert (answer.status_code, answer.content) == (200, PICTURE)
    assert answer.headers["Content-Type"] == "image/jpeg"
    head = shop.request("HEAD", path)
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, str(len(PICTURE)), b"")


def test_other_addresses_serve_nothing(shop: Shop) -> None:
    ticket, soon = _order(shop), int(time.time()) + 60
    good = _source(shop, ticket, soon)
    assert shop.get(_source(shop, ticket, soon - 120)).status_code == 410
    assert shop.get(good[:-1] + ("0" if good[-1] != "0" else "1")).status_code == 403
    assert shop.get(good.replace(str(soon), str(soon + 1))).status_code == 403
    assert shop.get(_source(shop, shop.ordered(), soon)).status_code == 404


@pytest.mark.parametrize("extra", [1, 5_000_000])
def test_ten_megabytes_and_no_more(shop: Shop, extra: int) -> None:
    answer = _upload(shop, PICTURE + b"\0" * (10 * 1024 * 1024 - len(PICTURE) + extra))
    assert (answer.status_code, answer.json()["data"]) == (413, {"status": 413})
    assert "10 MB" in answer.json()["message"]


def test_a_body_without_a_length_is_capped_too(shop: Shop) -> None:
    def endless() -> Any:
        yield b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        for _ in range(64):
            yield b"x" * 1_000_000

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = shop.post(f"{API}/upload-image", data=endless(), headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize("content", [b"", b"<?php", PICTURE[:2000], encoded(photograph(), "GIF")])
def test_what_is_no_picture_is_not_stored(shop: Shop, content: bytes) -> None:
    before = shop.rows("SELECT count(*) FROM uploads")
    answer = _upload(shop, content)
    assert answer.status_code in {400, 422}
    assert shop.rows("SELECT count(*) FROM uploads") == before


@pytest.fixture
def a_flood(shop: Shop) -> Iterator[str]:
    """All that may be kept, sent by others."""
    shop.rows(
        """INSERT INTO uploads (upload_id, file_key, media_type, width, height, file_size)
           VALUES ('up_flood', 'uploads/up_flood', 'image/png', 1, 1, 100000 * 1000000::bigint)"""
    )
    yield "up_flood"
    shop.rows("DELETE FROM uploads WHERE upload_id = 'up_flood'")


def test_a_flood_of_uploads_ends_before_the_store_is_full(shop: Shop, a_flood: str) -> None:
    answer = _upload(shop)
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, "uploads_full", "3600")
    shop.rows("UPDATE uploads SET created_at = now() - interval '25 h' WHERE upload_id = %s", a_flood)
    assert _upload(shop).status_code == 200


def test_a_form_without_the_field_says_so(shop: Shop) -> None:
    answer = shop.post(f"{API}/upload-image", files={"photo": ("a.jpg", PICTURE)})
    assert (answer.status_code, answer.json()["message"]) == (400, "image: Field required")


def test_an_old_upload_is_gone(shop: Shop) -> None:
    upload_id = _upload(shop).json()["upload_id"]
    shop.rows("UPDATE uploads SET created_at = now() - interval '25 h' WHERE upload_id = %s", upload_id)
    answer = shop.post(f"{API}/create-checkout-upload", data={"upload_id": upload_id, "resolution": "4x"})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_upload")
    assert "24 hours" in answer.json()["message"]
