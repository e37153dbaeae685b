"""What was quoted is what Stripe takes: on the wire, from the payment page to the charge, and into our books."""

from decimal import Decimal

from services.ingest.money.stripe import Purchase
from services.ingest.selling.quotes import Quote, Tariff, quote
from tests.integration.money.wire import Payments

TARIFF = Tariff(Decimal("0.25"), 4, Decimal("250.5"), 10**9)  # a markup whose prices are no whole cents
SAMPLE = (1, 2, 3, 4, 5, 7, 16, 25, 33, 64, 75, 99, 100, 101, 333, 999, 1001, 2048, 3333, 4999, 5000)
PAGE = "https://shop.example/"


def test_the_charge_is_the_quote_to_the_cent(payments: Payments) -> None:
    till, quoted = payments.till, []
    for credit_count in SAMPLE:
        offer = quote(TARIFF, 2000 * credit_count, 2000, 1)
        assert isinstance(offer, Quote)
        job_id, cents = till.order(), offer.price_cents
        told = {"source": "enlarger", "job_id": str(job_id), "resolution": "4x"}
        page = payments.account.open_session(Purchase("4x", cents, "usd", told, PAGE, PAGE, None, str(job_id)))
        till.sql("UPDATE jobs SET amount_cents = %s, session_id = %s WHERE job_id = %s", cents, page.session_id, job_id)
        payments.post(f"sessions/{page.session_id}/pay", email="mia@customer.example")
        payments.tell()
        assert (page.amount_cents, till.job(job_id).charged_cents, till.reasons(job_id)) == (cents, cents, [])
        quoted.append(cents)

    assert sorted(charge.amount_cents for charge in payments.account.charges({})) == sorted(quoted)
    assert -till.balance("sales") == sum(quoted)
