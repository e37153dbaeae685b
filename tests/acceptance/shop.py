"""Buying in acceptance tests, and what the stand-ins' own ledgers say came of it."""

from dataclasses import dataclass
from typing import Any

import requests

from cli.customer import Customer, Purchase
from local.processes import LocalError, await_condition
from local.stack import Stack

CAT, LAUNCH_PAD = 105, 103

# First waits, time-outs and leases, shortened openly: the shape of the waits is what production has.
QUICK = {
    "WAKE_FIRST_S": "1",
    "POLL_FIRST_S": "1",
    "POLL_INTERVAL_S": "1",
    "CLAIM_MARGIN_S": "1",
    "UPSAMPLER_TIMEOUT_S": "2",
    "SUBMIT_UNKNOWN_WAIT_S": "4",
    "STRIPE_TIMEOUT_S": "2",
    "SMTP_TIMEOUT_S": "2",
    "FETCH_DEADLINE_S": "5",
    "BREAKER_PAUSE_S": "1",
    "BREAKER_LONGEST_S": "2",
    "UPSAMPLER_SUBMITS_PER_MIN": "6000",
    "UPSAMPLER_CHECKS_PER_MIN": "24000",
    "SANDBOX_UPSAMPLER_SECONDS": "0.7",
}


@dataclass(frozen=True)
class Shop:
    """A running system, its customer, and the ledgers of Stripe, of the provider and of the inbox."""

    stack: Stack

    def buy(self, attachment_id: int, email: str) -> Purchase:
        customer = Customer(self.stack)
        purchase = customer.order(attachment_id, "4x", email)
        customer.pay(purchase)
        return purchase

    def status(self, purchase: Purchase) -> dict[str, Any]:
        return Customer(self.stack).status(purchase)

    def wait_over(self, purchases: list[Purchase], within_s: float = 45) -> None:
        """Until every order is delivered or refunded, and its mail has arrived."""
        await_condition(lambda: all(map(self._over, purchases)), within_s, "every order to end")

    def fault(self, stand_in: str, **fault: Any) -> None:
        self._post(stand_in, "/sandbox/faults", fault)

    def resend_events(self, purchase: Purchase, times: int) -> None:
        """Stripe sends each event of this payment again, in parallel."""
        for event in self.events(purchase):
            self._post("stripe", f"/sandbox/events/{event['id']}/resend", {"times": times, "parallel": True})

    def ledger(self, stand_in: str) -> dict[str, Any]:
        answer = requests.get(f"{self.stack.at.sandbox(stand_in)}/sandbox/ledger", timeout=10)
        answer.raise_for_status()
        return dict(answer.json())

    def submissions(self, purchase: Purchase) -> int:
        """How many jobs of this order the provider accepted: the webhook's address names the order."""
        job_id = self.session(purchase)["metadata"]["job_id"]
        return sum(f"job={job_id}&" in s["webhook_url"] for s in self.ledger("upsampler")["submissions"])

    def mails(self, purchase: Purchase) -> list[dict[str, Any]]:
        """Every mail that the server took for this customer, with or without its 250."""
        attempts = self.ledger("inbox")["attempts"]
        return [a for a in attempts if a["accepted"] and purchase.email in a["to"]]

    def refunds(self, purchase: Purchase) -> int:
        """How many refunds of this order's payment succeeded."""
        intent = self.session(purchase)["payment_intent"]
        refunds = self.ledger("stripe")["refunds"]
        return sum(r["payment_intent"] == intent and r["status"] == "succeeded" for r in refunds)

    def session(self, purchase: Purchase) -> dict[str, Any]:
        """The payment page, as Stripe's books have it."""
        return next(s for s in self.ledger("stripe")["sessions"] if s["id"] == purchase.session_id)

    def events(self, purchase: Purchase) -> list[dict[str, Any]]:
        """What Stripe told us about this order's payment."""
        names = (purchase.session_id, self.session(purchase)["payment_intent"])
        return [e for e in self.ledger("stripe")["events"] if any(name in str(e["data"]) for name in names)]

    def _over(self, purchase: Purchase) -> bool:
        try:
            status = self.status(purchase)
        except LocalError:  # ingest may be the one that was killed
            return False
        refunded = status["payment_status"] == "refunded"
        return (status["status"] == "completed" or refunded) and bool(self.mails(purchase))

    def _post(self, stand_in: str, path: str, body: dict[str, Any]) -> None:
        requests.post(f"{self.stack.at.sandbox(stand_in)}{path}", json=body, timeout=10).raise_for_status()
