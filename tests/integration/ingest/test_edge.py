"""What holds for every route: CORS, one shape of errors, probes, numbers."""

import re

import pytest

from tests.integration.ingest.shop import API, Shop


@pytest.mark.parametrize("origin", ["https://shop.example", "wordpress"])
def test_the_shops_pages_may_call(shop: Shop, origin: str) -> None:
    origin = shop.wordpress.url if origin == "wordpress" else origin
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-wp-nonce"}
    preflight = shop.request("OPTIONS", f"{API}/create-checkout", headers={"Origin": origin} | asked)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == origin
    assert "x-wp-nonce" in preflight.headers["Access-Control-Allow-Headers"].lower()


def test_other_pages_may_not(shop: Shop) -> None:
    answer = shop.get(f"{API}/job-status/x", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_shops_pages_may_read_errors(shop: Shop) -> None:
    answer = shop.get(f"{API}/job-status/x", headers={"Origin": "https://shop.example"})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (404, "https://shop.example")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/wp-json/smi/v1/nothing", 404, "not_found"),
        ("DELETE", f"{API}/create-checkout", 405, "method_not_allowed"),
        ("POST", f"{API}/create-checkout", 400, "invalid_request"),
        ("GET", "/static/nothing.css", 404, "not_found"),
        ("GET", "/static/../settings.py", 404, "not_found"),
    ],
)
def test_errors_have_one_shape(shop: Shop, method: str, path: str, status: int, code: str) -> None:
    answer = shop.request(method, path)
    body = answer.json()
    assert (answer.status_code, body["code"], body["data"]) == (status, code, {"status": status})
    assert body["message"]


def test_a_long_form_is_refused(shop: Shop) -> None:
    answer = shop.post(f"{API}/create-checkout", data={"attachment_id": "1" * 100_000})
    assert (answer.status_code, answer.json()["code"]) == (413, "content_too_large")


def test_probes_and_numbers(shop: Shop) -> None:
    assert shop.get("/healthz").json() == {"status": "ok"}
    assert shop.get("/readyz").json() == {"database": True, "broker": True}
    assert re.search(r'(?m)^enlarger_http_requests_total\{.*route="/readyz"', shop.numbers())
    assert shop.get("/metrics").status_code == 404, "payments and ratings are nobody else's business"


def test_numbers_name_routes_and_no_tickets(shop: Shop) -> None:
    ticket = shop.ordered()
    shop.get(f"/jobs/{ticket}")
    numbers = shop.numbers()
    assert 'route="/jobs/{ticket}"' in numbers
    assert ticket not in numbers


def test_the_api_is_described(shop: Shop) -> None:
    paths = shop.get("/openapi.json").json()["paths"]
    assert {f"{API}/create-checkout", "/smi-webhook/stripe/", "/d/{token}", "/v1/orders"} <= set(paths)


def test_the_front_is_a_page(shop: Shop) -> None:
    assert shop.get("/").headers["Content-Type"].startswith("text/html")


def test_an_evil_host_changes_no_link(shop: Shop) -> None:
    ticket = shop.ordered(headers={"Host": "evil.example"})
    assert "evil.example" not in str(shop.job(ticket)["return_url"])
