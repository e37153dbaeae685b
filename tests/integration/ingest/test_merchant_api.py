"""Orders by program."""

from typing import Any

import pytest
import requests

from tests.integration.ingest.shop import ADMIN_TOKEN, Shop

BEARER = {"Authorization": f"Bearer {ADMIN_TOKEN}"}


def _create(shop: Shop, **changes: Any) -> requests.Response:
    body = {"image_url": f"{shop.wordpress.url}/photos/raccoon.jpg", "resolution": "4x"}
    return shop.post("/v1/orders", json=body | changes, headers=BEARER)


def test_an_order_by_program(shop: Shop) -> None:
    answer = _create(shop, email="anna@example.org", return_url="https://anywhere.example/thanks")
    assert answer.status_code == 201
    told = answer.json()
    order = shop.get(f"/v1/orders/{told['job_id']}", headers=BEARER).json()
    assert told["status_url"] == f"{shop.url}/jobs/{order['ticket']}"
    assert (order["source_kind"], order["payment_status"]) == ("url", "pending")
    assert (order["amount_cents"], order["currency"]) == (round(told["amount"] * 100), told["currency"])
    (session,) = [s for s in shop.stripe.get("/sandbox/ledger")["sessions"] if s["id"] == order["session_id"]]
    assert session["success_url"].startswith("https://anywhere.example/thanks?smi_payment=success&")


def test_the_whole_record_is_there_under_either_id(shop: Shop) -> None:
    ticket = shop.paid()
    job_id = shop.job(ticket)["job_id"]
    orders = [shop.get(f"/v1/orders/{key}", headers=BEARER).json() for key in (ticket, job_id)]
    assert orders[0] == orders[1]
    assert [event["kind"] for event in orders[0]["history"]] == ["ordered", "checkout_opened", "paid"]
    assert (orders[0]["attempts"], orders[0]["refunds"]) == ([], [])


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer x"}, {"Authorization": ADMIN_TOKEN}, BEARER | {}])
def test_only_with_the_token(shop: Shop, header: dict[str, str]) -> None:
    path = f"/v1/orders/{shop.job(shop.ordered())['job_id']}"
    expected = 200 if header == BEARER else 401
    assert shop.get(path, headers=header).status_code == expected
    if expected == 401:
        assert shop.post("/v1/orders", json={}, headers=header).status_code == 401


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://evil.example/a.jpg", "not on the list"),
        ("http://169.254.169.254/latest", "not on the list"),
        ("{shop}/nothing.jpg", "404"),
        ("{shop}/", "not a whole"),
    ],
)
def test_a_picture_that_is_not_taken(shop: Shop, url: str, words: str) -> None:
    answer = _create(shop, image_url=url.replace("{shop}", shop.wordpress.url))
    assert answer.status_code == 422
    assert words in answer.json()["message"]


@pytest.mark.parametrize("changes", [{"resolution": "2x"}, {"image_url": "ftp://a/b"}, {"surprise": 1}, {"email": "x"}])
def test_a_wrong_field_is_refused(shop: Shop, changes: dict[str, Any]) -> None:
    assert _create(shop, **changes).status_code == 400


def test_an_unknown_order(shop: Shop) -> None:
    assert shop.get("/v1/orders/nothing", headers=BEARER).status_code == 404
