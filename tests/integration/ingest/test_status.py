"""What a customer sees of an order, as JSON and as a page."""

from datetime import datetime

import pytest

from tests.integration.ingest.finished import change, deliver, reach
from tests.integration.ingest.shop import API, Shop


def test_an_unpaid_order(shop: Shop) -> None:
    ticket = shop.ordered()
    status = shop.status(ticket)
    assert datetime.fromisoformat(status.pop("created_at"))
    assert status == {
        "job_id": ticket,
        "status": "awaiting_payment",
        "payment_status": "pending",
        "resolution": "4x",
        "stage": "queued",
        "progress": 0.0,
    }


def test_a_paid_order_moves_on(shop: Shop) -> None:
    ticket = shop.paid(resolution="8x")  # a size that no order was delivered in so far
    assert shop.status(ticket)["progress"] == 0.05
    reach(shop, ticket, "watch", "30 s")
    watched = shop.status(ticket)
    assert (watched["status"], watched["stage"]) == ("processing", "processing")
    assert 0.4 < watched["progress"] < 0.6
    reach(shop, ticket, "fetch")
    assert (shop.status(ticket)["stage"], shop.status(ticket)["progress"]) == ("finishing", 0.85)


def test_the_time_it_takes_is_learnt_from_similar_orders(shop: Shop) -> None:
    ticket = shop.paid(resolution="8x")
    for took in (100, 200, 300, 400, 500):
        earlier = deliver(shop, shop.paid(resolution="8x"))
        shop.rows(
            """UPDATE jobs SET completed_at = now() - interval '1 h',
                               paid_at = now() - interval '1 h' - make_interval(secs => %s) WHERE job_id = %s""",
            took,
            earlier.job_id,
        )
    reach(shop, ticket, "watch", "150 s")
    assert shop.status(ticket)["progress"] == pytest.approx(0.1 + 0.7 * 150 / 300, abs=0.03)


def test_a_refunded_order_is_a_failed_one_to_the_plugin(shop: Shop) -> None:
    ticket = shop.paid()
    change(shop, ticket, status="refunded", stage="announce", failure_reason="timeout")
    shop.rows("UPDATE jobs SET refunded_cents = charged_cents WHERE ticket = %s", ticket)
    status = shop.status(ticket)
    assert (status["status"], status["payment_status"], status["stage"]) == ("failed", "refunded", "failed")
    assert "refunded in full" in status["failure"]


@pytest.mark.parametrize("ticket", ["tk_0", "x", "01a20303-1925-74e8-9c09-5ca7f837c09e", "%00", "..%2f"])
def test_an_unknown_ticket(shop: Shop, ticket: str) -> None:
    answer = shop.get(f"{API}/job-status/{ticket}")
    assert (answer.status_code, answer.json()["data"]) == (404, {"status": 404})


def test_the_page_says_it_in_plain_words(shop: Shop) -> None:
    ticket = shop.paid()
    page = shop.get(f"/jobs/{ticket}")
    assert page.status_code == 200
    assert "Your enlargement is on its way" in page.text
    assert "or its refund started" in page.text
    assert '<noscript><meta http-equiv="refresh"' in page.text
    assert str(shop.job(ticket)["job_id"]) not in page.text


def test_the_page_of_a_finished_order_has_the_button_and_is_still(shop: Shop) -> None:
    finished = deliver(shop, shop.paid())
    page = shop.get(f"/jobs/{finished.ticket}")
    assert f'href="{shop.url}/d/{finished.token}"' in page.text
    assert "refresh" not in page.text


def test_the_page_of_a_cancelled_payment_leads_back_to_it(shop: Shop) -> None:
    ticket = shop.ordered()
    page = shop.get(f"/jobs/{ticket}?smi_payment=cancelled&job_id={ticket}")
    assert "not paid yet" in page.text
    assert shop.job(ticket)["checkout_url"] in page.text


def test_an_unknown_order_has_a_page_too(shop: Shop) -> None:
    page = shop.get("/jobs/tk_nobody")
    assert (page.status_code, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_pages_are_locked_up(shop: Shop) -> None:
    headers = shop.get(f"/jobs/{shop.ordered()}").headers
    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "noindex" in headers["X-Robots-Tag"]
    assert headers["Cache-Control"] == "no-store"


def test_a_german_browser_gets_a_german_page(shop: Shop) -> None:
    ticket = shop.paid()
    page = shop.get(f"/jobs/{ticket}", headers={"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"})
    assert "Ihre Vergrößerung ist unterwegs" in page.text
    assert '<html lang="de">' in page.text
    assert page.headers["Content-Language"] == "de"
    assert "Accept-Language" in page.headers["Vary"]


def test_an_order_remembers_the_language_that_it_was_made_in(shop: Shop) -> None:
    german = {"Accept-Language": "de-DE,de;q=0.9"}
    assert shop.job(shop.ordered(headers=german))["locale"] == "de"
    assert shop.job(shop.ordered(headers=german, locale="en"))["locale"] == "en"
    assert shop.job(shop.ordered(headers={"Accept-Language": "fr"}))["locale"] == "en"
    ticket = shop.paid(headers=german)
    assert "Ihre Vergrößerung" in shop.get(f"/jobs/{ticket}").text, "a browser without a wish reads the order's"


def test_an_address_is_known_again_by_its_owner_alone(shop: Shop) -> None:
    page = shop.get(f"/jobs/{shop.paid()}").text
    assert "a…@example.org" in page
    assert "anna@example.org" not in page
