"""Payments at Stripe's stand-in on the wire: it tells nobody of what happens, the test does."""

from typing import Any

import requests

from services.ingest.money.stripe import Stripe
from services.ingest.money.stripe_events import receive
from tests.integration.ingest.shop import STRIPE_KEY
from tests.integration.money.till import PRICE, Till
from tests.integration.sandbox.standin import StandIn


class Payments:
    """Payments at the stand-in, and telling the till of them."""

    def __init__(self, till: Till, stripe: StandIn) -> None:
        self.till, self.url = till, stripe.url
        self.account = Stripe(STRIPE_KEY, stripe.url)
        till.edge = till.with_stripe(self.account)
        self._told = 0

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        answer = requests.post(f"{self.url}/sandbox/{path}", json=body, timeout=10)
        assert answer.ok, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def paid(self) -> str:
        """An order that was paid; nobody has been told."""
        job_id = self.till.order()
        purchase = {"source": "enlarger", "job_id": str(job_id)}
        page = self.account._client.v1.checkout.sessions.create(  # noqa: SLF001 - as sales opens it
            {
                "mode": "payment", "success_url": "https://shop.example/", "metadata": purchase,
                "payment_intent_data": {"metadata": purchase},
                "line_items": [{"quantity": 1, "price_data": {"currency": "usd", "unit_amount": PRICE,
                                                              "product_data": {"name": "4x"}}}],
            }
        )  # fmt: skip
        self.till.sql("UPDATE jobs SET session_id = %s WHERE job_id = %s", page.id, job_id)
        return str(self.post(f"sessions/{page.id}/pay", email="mia@customer.example")["payment_intent"])

    def tell(self) -> None:
        events = requests.get(f"{self.url}/sandbox/ledger", timeout=10).json()["events"]
        for event in events[self._told :]:
            receive(self.till.edge, event)
        self._told = len(events)

    def forget(self) -> None:
        """What happened since is never told."""
        self._told = len(requests.get(f"{self.url}/sandbox/ledger", timeout=10).json()["events"])
