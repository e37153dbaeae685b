"""What the shop's owner can look up about a running system: orders, ledgers, mails, metrics."""

from dataclasses import dataclass
from typing import Any

import requests
from prometheus_client.parser import text_string_to_metric_families

from local.stack import Stack

_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Count:
    """How often one worker saw one event, and with which outcome; outcome "" is a publication."""

    worker: str
    event: str
    outcome: str
    times: int


class Observer:
    """Errors are `requests.RequestException`."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._session = requests.Session()
        self._session.trust_env = False

    def order(self, ticket: str) -> dict[str, Any]:
        """The order with its history, as the merchant's API tells it."""
        headers = {"Authorization": f"Bearer {self._stack.known.admin_token}"}
        return dict(self._get(f"{self._stack.at.ingest}/v1/orders/{ticket}", headers=headers).json())

    def refunded_cents(self, session_id: str) -> tuple[int, int]:
        """What Stripe's books say: (refunded, charged) for the payment of one checkout session."""
        ledger = self._get(f"{self._stack.at.stripe}/sandbox/ledger").json()
        session = next(row for row in ledger["sessions"] if row["id"] == session_id)
        refunds = [row for row in ledger["refunds"] if row["payment_intent"] == session["payment_intent"]]
        refunded = sum(row["amount"] for row in refunds if row["status"] == "succeeded")
        return refunded, session["amount_total"]

    def mails(self) -> list[dict[str, Any]]:
        return list(self._get(f"{self._stack.at.inbox}/api/mails").json())

    def raw_mail(self, mail_id: int) -> bytes:
        return self._get(f"{self._stack.at.inbox}/api/mails/{mail_id}/raw").content

    def events(self) -> list[Count]:
        """The events of every worker since it started."""
        counts: list[Count] = []
        for worker in self._stack.workers:
            text = self._get(f"{self._stack.at.health(worker.name)}/metrics").text
            counts += _counts(worker.name, text)
        return counts

    def fail_at_provider(self, match: str) -> None:
        """The provider will say "failed" about the next picture whose order mentions `match`."""
        address = f"{self._stack.at.upsampler}/sandbox/faults"
        fault = {"fault": "failed", "match": match}
        self._session.post(address, json=fault, timeout=_TIMEOUT_S).raise_for_status()

    def _get(self, address: str, headers: dict[str, str] | None = None) -> requests.Response:
        response = self._session.get(address, headers=headers, timeout=_TIMEOUT_S)
        response.raise_for_status()
        return response


def _counts(worker: str, text: str) -> list[Count]:
    names = ("enlarger_events_consumed_total", "enlarger_events_published_total")
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return [
        Count(worker, sample.labels["event"], sample.labels.get("outcome", ""), int(sample.value))
        for sample in samples
        if sample.name in names and sample.value  # every outcome is exported from the start, as 0
    ]
