"""Objects as Stripe's API reference shows them, written down by hand: read without loss, and what is new is ignored."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from common.refunds import StripeRefund, seen_of
from sandbox.stripe.webhooks import signature
from services.ingest.money.disputes import Dispute, dispute_of
from services.ingest.money.payments import Paid
from services.ingest.money.stripe import Session, session_of, verified
from services.ingest.money.stripe_events import StripeEvent, _paid

FOLDER = Path(__file__).parent / "stripe_objects"
SECRET = "whsec_test"
INTENT = "pi_1GszsK2eZvKYlo2CfhZyoZLp"
OURS = UUID("018f0000-0000-7000-8000-0000000000aa")
ORDER = {"job_id": "018f0000-0000-7000-8000-000000000001", "resolution": "4x", "source": "enlarger"}
EVENTS = {
    "checkout.session.completed": "checkout.session",
    "checkout.session.async_payment_succeeded": "checkout.session",
    "checkout.session.async_payment_failed": "checkout.session",
    "checkout.session.expired": "checkout.session",
    "payment_intent.succeeded": "payment_intent",
    "payment_intent.payment_failed": "payment_intent",
    "charge.refunded": "charge",
    "refund.created": "refund",
    "refund.updated": "refund",
    "refund.failed": "refund.failed",
    "charge.dispute.created": "dispute",
    "charge.dispute.closed": "dispute",
}


def recorded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


def grown(value: Any) -> Any:
    """The same object as a later version of Stripe's API might send it: each part of it has a field that is new."""
    if isinstance(value, dict):
        return {name: grown(part) for name, part in value.items()} | {"brand_new": {"of": ["a", "later", "version"]}}
    return [grown(part) for part in value] if isinstance(value, list) else value


def enveloped(kind: str) -> dict[str, Any]:
    event = recorded("event") | {"type": kind}
    return event | {"data": {"object": recorded(EVENTS[kind]), "previous_attributes": {"status": "open"}}}


READ: dict[str, tuple[str, Any, Any]] = {
    "a session": (
        "checkout.session",
        session_of,
        Session(
            "cs_test_a11YYufWQzNY63zpQ6QSNRQhkUpVph4WRmzW0zWJO2znZKdVujZ0N0S22u", "complete", "paid", 2198, "usd",
            False, INTENT, "jenny.rosen@example.com", None, "https://example.com/success", ORDER,  # noqa: FBT003 - as it says
        ),
    ),
    "a refund of ours": (
        "refund",
        seen_of,
        StripeRefund("re_1Nispe2eZvKYlo2Cd31jOCgZ", INTENT, 1000, "succeeded", moved=True, ours=OURS),
    ),
    "a refund of the dashboard's that failed": (
        "refund.failed",
        seen_of,
        StripeRefund(
            "re_3QZiyN2eZvKYlo2C0F9mL1Yd", "pi_3QZiyN2eZvKYlo2C0mR9b3eZ", 500, "failed", moved=True,
            failure="expired_or_canceled_card",
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "read", "expected"), READ.values(), ids=READ.keys())
def test_an_object_is_read_whole_and_what_is_new_is_ignored(name: str, read: Any, expected: Any) -> None:
    assert read(recorded(name)) == expected
    assert read(grown(recorded(name)) | {"metadata": recorded(name)["metadata"]}) == expected


def test_a_dispute_is_read_with_the_lines_of_its_balance() -> None:
    for body in (recorded("dispute"), grown(recorded("dispute"))):
        dispute = dispute_of(body)
        assert isinstance(dispute, Dispute)
        assert (dispute.dispute_id, dispute.payment_intent) == ("du_1MtJUT2eZvKYlo2CNaw2HvEv", INTENT)
        assert (dispute.state, dispute.amount_cents, dispute.currency) == ("needs_response", 2198, "usd")
        assert (dispute.reason, dispute.open) == ("product_not_received", True)
        assert dispute.due_by == datetime(2023, 4, 23, 23, 59, 59, tzinfo=UTC)
        [taken] = dispute.moves
        assert (taken["amount"], taken["fee"], taken["net"]) == (-2198, 1500, -3698)


def test_the_refunds_in_a_charge_are_read() -> None:
    [refund] = map(seen_of, recorded("charge")["refunds"]["data"])
    assert (refund.stripe_refund, refund.amount_cents, refund.ours) == ("re_1Nispe2eZvKYlo2Cd31jOCgZ", 1000, OURS)


@pytest.mark.parametrize("kind", EVENTS)
def test_a_signed_event_arrives_as_it_was_sent(kind: str) -> None:
    for sent in (enveloped(kind), grown(enveloped(kind))):
        body, now = json.dumps(sent).encode(), int(time.time())
        received = verified(body, signature(body, SECRET, now), [SECRET])
        assert received == sent, "what is recorded is all that Stripe said"
        event = StripeEvent.of(received)
        assert (event.event_id, event.kind, event.handled) == (sent["id"], kind, True)
        assert event.payment_intent == sent["data"]["object"].get("payment_intent", sent["data"]["object"]["id"])


@pytest.mark.parametrize(
    ("kind", "cents", "intent"),
    [("checkout.session.completed", 2198, INTENT), ("payment_intent.succeeded", 2000, "pi_3MtwBwLkdIwHu7ix28a3tqPa")],
)
def test_a_payment_is_read_from_either_event(kind: str, cents: int, intent: str) -> None:
    for sent in (enveloped(kind), grown(enveloped(kind))):
        expected = Paid("webhook", cents, "usd", False, intent, "jenny.rosen@example.com")  # noqa: FBT003 - test mode
        assert _paid(StripeEvent.of(sent)) == expected
