"""The lane that asks Stripe: a lost webhook costs no payment, an old page is closed."""

import pytest

from tests.integration.ingest.shop import Shop
from tests.integration.sandbox.standin import until


def _check(shop: Shop, ticket: str) -> None:
    shop.publish("checkout.check", {"job_id": str(shop.job(ticket)["job_id"])})


def _paid_unheard(shop: Shop) -> str:
    """Paid, and every webhook about it lost."""
    ticket = shop.ordered()
    shop.stripe.arm("webhook_lost", count=2)
    shop.pay(ticket)
    return ticket


def test_a_payment_whose_webhook_was_lost_is_taken(shop: Shop) -> None:
    ticket = _paid_unheard(shop)
    assert shop.job(ticket)["stage"] == "checkout"
    _check(shop, ticket)
    until(lambda: shop.job(ticket)["stage"] == "submit")
    job = shop.job(ticket)
    assert (job["charged_cents"], job["email"]) == (job["amount_cents"], "anna@example.org")
    until(lambda: shop.depth("submitter.payment.completed"))


def test_webhook_and_check_at_once_are_one_payment(shop: Shop) -> None:
    ticket = shop.ordered()
    for _ in range(5):
        _check(shop, ticket)
    shop.pay(ticket)
    for _ in range(5):
        _check(shop, ticket)
    until(lambda: shop.job(ticket)["stage"] == "submit" and not shop.depth("ingest.checkout.check"))
    assert shop.kinds(ticket).count("paid") == 1


def test_an_old_page_is_closed_and_the_order_abandoned(shop: Shop) -> None:
    ticket = shop.ordered()
    shop.rows("UPDATE jobs SET created_at = now() - interval '25 h' WHERE ticket = %s", ticket)
    _check(shop, ticket)
    until(lambda: shop.job(ticket)["status"] == "abandoned")
    (session,) = [s for s in shop.stripe.get("/sandbox/ledger")["sessions"] if s["id"] == shop.session(ticket)]
    assert session["status"] == "expired"


def test_an_old_page_that_was_paid_is_paid(shop: Shop) -> None:
    ticket = _paid_unheard(shop)
    shop.rows("UPDATE jobs SET created_at = now() - interval '25 h' WHERE ticket = %s", ticket)
    _check(shop, ticket)
    until(lambda: shop.job(ticket)["stage"] == "submit")


def test_a_young_unpaid_order_waits_for_the_next_look(shop: Shop) -> None:
    ticket = shop.ordered()
    shop.rows("UPDATE jobs SET wake_at = now() WHERE ticket = %s", ticket)
    _check(shop, ticket)
    until(
        lambda: shop.rows("SELECT wake_at > now() + interval '59 min' AS ok FROM jobs WHERE ticket = %s", ticket)[0][
            "ok"
        ]
    )
    assert (shop.job(ticket)["stage"], shop.job(ticket)["tries"]) == ("checkout", 0)


def test_a_delayed_payment_is_looked_at_daily(shop: Shop) -> None:
    ticket = shop.ordered()
    shop.stripe.arm("webhook_lost", count=2)
    shop.pay(ticket, delayed=True)
    _check(shop, ticket)
    until(
        lambda: shop.rows("SELECT wake_at > now() + interval '23 h' AS ok FROM jobs WHERE ticket = %s", ticket)[0]["ok"]
    )


def test_while_stripe_is_away_the_order_waits(shop: Shop) -> None:
    ticket = shop.ordered()
    shop.stripe.arm("http_500", count=2, match=shop.session(ticket))
    _check(shop, ticket)
    until(lambda: shop.job(ticket)["tries"] == 1)
    shop.stripe.disarm()
    assert shop.job(ticket)["stage"] == "checkout"


@pytest.mark.parametrize(("age", "status"), [("10 min", "abandoned"), ("1 min", "awaiting_payment")])
def test_an_order_without_a_page_is_given_up_after_a_while(shop: Shop, age: str, status: str) -> None:
    ticket = shop.ordered()
    version = shop.job(ticket)["version"]
    shop.rows("UPDATE jobs SET session_id = NULL, created_at = now() - %s::interval WHERE ticket = %s", age, ticket)
    _check(shop, ticket)
    until(lambda: shop.job(ticket)["version"] > version)
    assert shop.job(ticket)["status"] == status
