"""From a picture to a paid order."""

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.integration.ingest.shop import API, DANDELIONS, Shop
from tests.integration.sandbox.standin import until


def test_a_paid_order_goes_to_the_submitter(shop: Shop) -> None:
    order = shop.checkout(DANDELIONS, "4x")
    shop.pay(order["job_id"])
    until(lambda: shop.job(order["job_id"])["stage"] == "submit")
    job = shop.job(order["job_id"])
    assert (job["status"], job["charged_cents"], job["email"]) == ("pending", job["amount_cents"], "anna@example.org")
    assert job["promise_at"] is not None
    until(lambda: shop.depth("submitter.payment.completed"))
    assert str(job["job_id"]) in [m["data"]["job_id"] for m in shop.messages("submitter.payment.completed")]
    assert shop.kinds(order["job_id"]) == ["ordered", "checkout_opened", "paid"]


def test_prices_are_those_that_are_asked_for(shop: Shop) -> None:
    prices = shop.post(f"{API}/calculate-all-prices", data={"attachment_id": DANDELIONS, "post_id": 7}).json()
    assert prices["success"] is True
    for name in ("4x", "8x"):
        assert shop.checkout(DANDELIONS, name)["amount"] == prices["pricing"][name]["customer_price"]


def test_the_ticket_is_not_the_operational_id(shop: Shop) -> None:
    ticket = shop.ordered()
    job = shop.job(ticket)
    assert ticket.startswith("tk_")
    assert ticket != str(job["job_id"])
    assert shop.get(f"{API}/job-status/{job['job_id']}").status_code == 404
    (session,) = [s for s in shop.stripe.get("/sandbox/ledger")["sessions"] if s["id"] == job["session_id"]]
    contract = {"job_id": str(job["job_id"]), "resolution": "4x", "source": "enlarger"}
    assert contract.items() <= session["metadata"].items()


@pytest.mark.parametrize(
    ("referer", "page"),
    [
        ("https://shop.example/photos?p=1", "https://shop.example/photos"),
        ("https://shop.example", "https://shop.example/"),
        ("https://shop.example.evil.example/", None),
        ("https://shop.example@evil.example/", None),
        ("http://shop.example/", None),
        (None, None),
    ],
)
def test_the_customer_returns_to_the_shop_or_to_the_status_page(
    shop: Shop, referer: str | None, page: str | None
) -> None:
    ticket = shop.ordered(headers={"Referer": referer} if referer else {})
    (session,) = [s for s in shop.stripe.get("/sandbox/ledger")["sessions"] if s["id"] == shop.session(ticket)]
    for address, outcome in ((session["success_url"], "success"), (session["cancel_url"], "cancelled")):
        parts = urlsplit(address)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == (page or f"{shop.url}/jobs/{ticket}")
        assert parse_qs(parts.query)["smi_payment"] == [outcome]
        assert parse_qs(parts.query)["job_id"] == [ticket]
        assert "session_id={CHECKOUT_SESSION_ID}" in address


@pytest.mark.parametrize("fault", ["http_500", "refuse_before"])
def test_without_a_payment_page_the_order_is_given_up(shop: Shop, fault: str) -> None:
    shop.stripe.arm(fault, count=2, match="/v1/checkout/sessions", seconds=0)
    form = {"attachment_id": DANDELIONS, "post_id": 7, "resolution": "4x"}
    answer = shop.post(f"{API}/create-checkout", data=form)
    shop.stripe.disarm()
    assert (answer.status_code, answer.json()["code"]) == (502, "payment_page_unavailable")
    (newest,) = shop.rows("SELECT status, stage, ticket FROM jobs ORDER BY created_at DESC LIMIT 1")
    assert (newest["status"], newest["stage"]) == ("abandoned", "settled")
    assert shop.kinds(newest["ticket"]) == ["ordered", "abandoned"]


def test_a_lost_answer_of_stripe_opens_no_second_page(shop: Shop) -> None:
    shop.stripe.arm("timeout_after_accept", match="/v1/checkout/sessions", seconds=0)
    ticket = shop.ordered()
    job_id = str(shop.job(ticket)["job_id"])
    ledger = shop.stripe.get("/sandbox/ledger")
    assert len([s for s in ledger["sessions"] if s["metadata"]["job_id"] == job_id]) == 1
    assert [call["key"] for call in ledger["calls"]].count(f"checkout:{job_id}") == 2


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"resolution": "3x"}, "resolution"),
        ({"attachment_id": "x"}, "attachment_id"),
        ({"attachment_id": ""}, "attachment_id"),
        ({"attachment_id": str(2**70)}, "attachment_id"),
        ({"email": "not an address"}, "email"),
        ({"email": "a@b.example\r\nBcc: c@d.example"}, "email"),
    ],
)
def test_a_wrong_field_is_named(shop: Shop, changes: dict[str, str], named: str) -> None:
    form = {"attachment_id": "101", "post_id": "7", "resolution": "4x"} | changes
    answer = shop.post(f"{API}/create-checkout", data=form)
    assert (answer.status_code, answer.json()["data"]) == (400, {"status": 400})
    assert answer.json()["message"].startswith(f"{named}: ")


def test_an_empty_address_is_none(shop: Shop) -> None:
    assert shop.job(shop.ordered(email=""))["email"] is None


def test_a_picture_that_nobody_has_is_unknown(shop: Shop) -> None:
    answer = shop.post(f"{API}/calculate-all-prices", data={"attachment_id": 4711, "post_id": 7})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_picture")


def test_wordpress_is_asked_once_an_hour(shop: Shop) -> None:
    shop.ordered(picture=DANDELIONS)
    shop.rows("UPDATE pictures SET width = 48, height = 36 WHERE attachment_id = %s", DANDELIONS)
    assert shop.job(shop.ordered(picture=DANDELIONS))["source_width"] == 48
    shop.rows("UPDATE pictures SET fetched_at = now() - interval '61 minutes' WHERE attachment_id = %s", DANDELIONS)
    assert shop.job(shop.ordered(picture=DANDELIONS))["source_width"] != 48


def test_a_picture_of_a_strange_host_is_not_sold(shop: Shop) -> None:
    shop.rows(
        """INSERT INTO pictures (attachment_id, source_url, width, height, origin)
           VALUES (900, 'https://evil.example/a.jpg', 10, 10, 'imported')"""
    )
    answer = shop.post(f"{API}/calculate-all-prices", data={"attachment_id": 900, "post_id": 7})
    assert (answer.status_code, answer.json()["code"]) == (403, "picture_not_for_sale")


def test_a_picture_that_is_too_large_has_no_price(shop: Shop) -> None:
    host = shop.wordpress.url
    shop.rows(
        """INSERT INTO pictures (attachment_id, source_url, width, height, origin)
           VALUES (901, %s, 3000, 3000, 'imported'), (902, %s, 8000, 8000, 'imported')""",
        f"{host}/a.jpg",
        f"{host}/b.jpg",
    )
    some = shop.post(f"{API}/calculate-all-prices", data={"attachment_id": 901, "post_id": 7})
    assert list(some.json()["pricing"]) == ["4x"]
    none = shop.post(f"{API}/calculate-all-prices", data={"attachment_id": 902, "post_id": 7})
    assert (none.status_code, none.json()["code"]) == (422, "picture_too_large")


def test_clicks_are_counted(shop: Shop) -> None:
    for _ in range(3):
        answer = shop.post(f"{API}/track-button-click", data={"attachment_id": 5, "post_id": 6})
        assert answer.json()["success"] is True
    assert shop.rows("SELECT clicks FROM button_clicks WHERE attachment_id = 5") == [{"clicks": 3}]


def test_fields_that_the_customer_left_empty_are_no_error(shop: Shop) -> None:
    ticket = shop.checkout(email=" ", post_id="", locale="")["job_id"]
    assert (shop.job(ticket)["email"], shop.job(ticket)["post_id"], shop.job(ticket)["locale"]) == (None, None, "en")
