"""https://docs.stripe.com/api/events/object"""

from typing import Any

from sandbox.stripe.records import Event

# The version that stripe-python 16.1 pins; a test holds it against the library's own.
API_VERSION = "2026-10-28.endive"


def event(record: Event) -> dict[str, Any]:
    data: dict[str, Any] = {"object": record.data}
    if record.previous is not None:
        data["previous_attributes"] = record.previous
    return {
        "id": record.id,
        "object": record.object,
        "api_version": API_VERSION,
        "created": record.created,
        "data": data,
        "livemode": False,
        "pending_webhooks": record.pending_webhooks,
        "request": {"id": record.origin.request_id, "idempotency_key": record.origin.idempotency_key},
        "type": record.type,
    }
