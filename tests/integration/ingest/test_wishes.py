"""What a customer may ask of an order: here, to have the money back while nothing was handed to the provider."""

import pytest

from tests.integration.ingest.finished import change, deliver
from tests.integration.ingest.shop import Shop

FAILED = "finisher.upscale.failed"


def _attempt(shop: Shop, ticket: str, state: str) -> None:
    shop.rows(
        """INSERT INTO attempts (job_id, attempt, state, claimed_until)
           SELECT job_id, 1, %s, now() FROM jobs WHERE ticket = %s""",
        state, ticket,
    )  # fmt: skip


def test_a_customer_cancels_and_the_refund_begins(shop: Shop) -> None:
    ticket = shop.paid()
    shop.messages(FAILED)
    answer = shop.post(f"/jobs/{ticket}/cancel")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/jobs/{ticket}")
    job = shop.job(ticket)
    assert (job["stage"], job["status"], job["failure_reason"]) == ("refund", "failed", "cancelled")
    assert str(job["job_id"]) in str(shop.messages(FAILED))
    assert "You cancelled this order" in shop.get(f"/jobs/{ticket}").text


def test_cancelling_twice_is_one_wish(shop: Shop) -> None:
    ticket = shop.paid()
    answers = [shop.post(f"/jobs/{ticket}/cancel").status_code for _ in range(2)]
    assert answers == [303, 303]
    assert shop.kinds(ticket).count("failed") == 1


@pytest.mark.parametrize("state", ["claimed", "open", "unknown", "succeeded", "failed"])
def test_what_may_be_at_the_provider_is_not_cancelled(shop: Shop, state: str) -> None:
    ticket = shop.paid()
    _attempt(shop, ticket, state)
    answer = shop.post(f"/jobs/{ticket}/cancel")
    assert (answer.status_code, "has begun" in answer.text) == (409, True)
    assert shop.job(ticket)["stage"] == "submit"
    assert "/cancel" not in shop.get(f"/jobs/{ticket}").text


def test_what_was_surely_not_accepted_is_cancelled(shop: Shop) -> None:
    ticket = shop.paid()
    _attempt(shop, ticket, "waiting")
    assert "/cancel" in shop.get(f"/jobs/{ticket}").text
    assert shop.post(f"/jobs/{ticket}/cancel").status_code == 303
    assert shop.job(ticket)["stage"] == "refund"


def test_a_delivered_an_unpaid_and_a_held_order_are_not_cancelled(shop: Shop) -> None:
    held = shop.paid()
    change(shop, held, hold_reason="odd")
    for ticket in (deliver(shop, shop.paid()).ticket, shop.ordered(), held):
        before = shop.job(ticket)["stage"]
        assert shop.post(f"/jobs/{ticket}/cancel").status_code == 409
        assert shop.job(ticket)["stage"] == before


@pytest.mark.parametrize("ticket", ["tk_0", "x", "tk_" + "0" * 32, "%00"])
def test_nobody_cancels_what_they_do_not_know(shop: Shop, ticket: str) -> None:
    assert shop.post(f"/jobs/{ticket}/cancel").status_code == 404
    assert shop.post(f"/jobs/{shop.job(shop.paid())['job_id']}/cancel").status_code == 404
