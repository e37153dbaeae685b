"""From a picture to a paid order."""

from tests.integration.ingest.shop import API, DANDELIONS, Shop
from tests.integration.sandbox.standin import until


def test_a_paid_order_goes_to_the_submitter(shop: Shop) -> None:
    order = shop.checkout(DANDELIONS, "4x", email="anna@example.org")
    shop.pay(order["job_id"])
    until(lambda: shop.job(order["job_id"])["stage"] == "submit")
    job = shop.job(order["job_id"])
    assert (job["status"], job["charged_cents"], job["email"]) == ("pending", job["amount_cents"], "anna@example.org")
    assert job["promise_at"] is not None
    until(lambda: shop.depth("submitter.payment.completed"))
    (message,) = shop.messages("submitter.payment.completed")
    assert message["data"]["job_id"] == str(job["job_id"])
    assert shop.kinds(order["job_id"]) == ["ordered", "checkout_opened", "paid"]
