"""What was quoted is what Stripe takes: on the wire, from the payment page to the charge, and into our books."""

from decimal import Decimal

import pytest

from services.ingest.quotes import Quote, Tariff, quote
from services.ingest.stripe import Purchase
from tests.integration.money.wire import Payments

TARIFF = Tariff(Decimal("0.25"), 4, Decimal("250.5"), 10**9)  # a markup whose prices are no whole cents
SAMPLE = (1, 2, 3, 4, 5, 7, 16, 25, 33, 64, 75, 99, 100, 101, 333, 999, 1001, 2048, 3333, 4999, 5000)


@pytest.mark.parametrize("credit_count", SAMPLE)
def test_the_charge_is_the_quote_to_the_cent(payments: Payments, credit_count: int) -> None:
    offer = quote(TARIFF, 2000 * credit_count, 2000, 1)
    assert isinstance(offer, Quote)
    till = payments.till
    job_id = till.order()
    till.sql("UPDATE jobs SET amount_cents = %s WHERE job_id = %s", offer.price_cents, job_id)
    purchase = {"source": "enlarger", "job_id": str(job_id), "resolution": "4x"}
    page = "https://shop.example/"
    session = payments.account.open_session(Purchase("4x", offer.price_cents, "usd", purchase, page, page, None, "k"))
    till.sql("UPDATE jobs SET session_id = %s WHERE job_id = %s", session.session_id, job_id)
    payments.post(f"sessions/{session.session_id}/pay", email="mia@customer.example")
    payments.tell()

    [charge] = payments.account.charges({})
    assert (session.amount_cents, charge.amount_cents) == (offer.price_cents, offer.price_cents)
    assert (till.job(job_id).charged_cents, -till.balance("sales")) == (offer.price_cents, offer.price_cents)
    assert till.reasons(job_id) == []
