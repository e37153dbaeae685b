"""What of Stripe's events says nothing about people: kept by its name, so that what Stripe adds is not kept."""

from collections.abc import Mapping
from typing import Any

KEPT = frozenset(
    {
        "id", "object", "type", "created", "livemode", "api_version", "data",
        "mode", "status", "payment_status", "payment_intent", "charge", "currency",
        "amount", "amount_total", "amount_subtotal", "amount_received", "amount_captured", "amount_refunded",
        "captured", "paid", "refunded", "disputed", "reason", "balance_transactions", "fee", "net",
        "metadata", "job_id", "refund_id", "resolution", "source", "failure_reason",
    }
)  # fmt: skip


def redacted(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The event with what is known to be about money and orders alone."""
    return {name: _kept(value) for name, value in payload.items() if name in KEPT}


def _kept(value: Any) -> Any:
    if isinstance(value, Mapping):
        return redacted(value)
    return [_kept(item) for item in value] if isinstance(value, list) else value
