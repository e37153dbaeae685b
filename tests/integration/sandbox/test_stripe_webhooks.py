"""The stand-in's webhooks, verified by stripe-python: signed, repeated, lost, late, out of order, forged."""

import itertools
import threading
import time
from typing import Any

import pytest
import requests
import stripe

from tests.integration.sandbox.standin import until
from tests.integration.sandbox.stripe_fixtures import calm, merchant
from tests.integration.sandbox.stripe_shapes import faults_of
from tests.integration.sandbox.stripe_standin import SECRET, Merchant, wire

__all__ = ["calm", "merchant"]

COMPLETED = "checkout.session.completed"


def attempts(merchant: Merchant, event_id: str) -> list[Any]:
    [event] = [event for event in merchant.ledger("events") if event["id"] == event_id]
    return list(event["attempts"])


def signed(merchant: Merchant, event_id: str, nth: int = 0) -> tuple[bytes, str]:
    """The nth delivery of that event, as it came."""
    got = [(body, header) for header, body in merchant.hook.got if event_id.encode() in body]
    return got[nth]


def made(merchant: Merchant, name: str) -> str:
    """A hand-made event, to be told from others by its name."""
    return str(merchant.control("events", type="invoice.paid", object={"id": name})["id"])


def test_an_event_is_signed_with_the_first_secret_and_complete(merchant: Merchant) -> None:
    intent = merchant.paid()
    got = merchant.hook.await_bodies(2, intent)
    assert sorted(event["type"] for event in got) == [COMPLETED, "payment_intent.succeeded"]

    for event in got:
        verified = stripe.Webhook.construct_event(*signed(merchant, event["id"]), SECRET)
        assert (verified.id, verified.api_version, verified.livemode) == (event["id"], stripe.api_version, False)
        assert faults_of(event) == []
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(*signed(merchant, event["id"]), "whsec_second")


def test_an_event_shows_its_object_as_it_stood_then(merchant: Merchant) -> None:
    intent = merchant.paid()
    merchant.control(f"payment_intents/{intent}/refund", amount=100)
    merchant.control(f"payment_intents/{intent}/refund", amount=200)

    told = [event for event in merchant.events(intent) if event["type"] == "charge.refunded"]

    assert [event["data"]["object"]["amount_refunded"] for event in told] == [100, 300]
    assert [event["data"]["previous_attributes"]["amount_refunded"] for event in told] == [0, 100]


def test_an_event_is_repeated_with_growing_delay_until_it_is_accepted(merchant: Merchant) -> None:
    refused = iter([500, 301, 404])
    merchant.hook.answer = lambda earlier: next(refused, 200) if merchant.hook.names(earlier, "stubborn") else 200

    event_id = made(merchant, "stubborn")

    merchant.hook.await_bodies(4, event_id)
    until(lambda: len(attempts(merchant, event_id)) == 4)
    tries = attempts(merchant, event_id)
    assert [entry["status"] for entry in tries] == [500, 301, 404, 200]
    waits = [later["at"] - earlier["at"] for earlier, later in itertools.pairwise(tries)]
    assert all(wait > due - 0.05 for wait, due in zip(waits, [0.5, 1.0, 2.0], strict=True)), waits
    assert waits[0] < waits[-1]
    assert wire(merchant.client().v1.events.retrieve(event_id))["pending_webhooks"] == 0


def test_a_slow_endpoint_does_not_keep_the_caller(merchant: Merchant) -> None:
    patience = threading.Event()
    merchant.hook.answer = lambda _earlier: 200 if patience.wait(60) else 500
    try:
        intent = merchant.paid()
        told = merchant.hook.await_bodies(1, intent)
        assert attempts(merchant, told[0]["id"]) == [], "the endpoint has not answered yet"
    finally:
        patience.set()
    until(lambda: attempts(merchant, told[0]["id"]))
    merchant.hook.await_bodies(2, intent)


def test_a_lost_event_is_never_sent_but_can_be_asked_for(merchant: Merchant) -> None:
    merchant.stand_in.arm("webhook_lost", match=COMPLETED)
    intent = merchant.paid()
    merchant.hook.await_bodies(1, intent)

    [lost] = [event for event in merchant.events(intent) if event["type"] == COMPLETED]

    assert (lost["lost"], lost["attempts"], lost["pending_webhooks"]) == (True, [], 1)
    assert merchant.hook.bodies(lost["id"]) == []
    listed = wire(merchant.client().v1.events.list({"type": COMPLETED, "limit": 1}))["data"]
    assert listed[0]["data"]["object"]["payment_intent"] == intent


def test_a_duplicated_event_comes_five_times(merchant: Merchant) -> None:
    merchant.stand_in.arm("webhook_duplicate", match="fivefold")
    event_id = made(merchant, "fivefold")

    got = merchant.hook.await_bodies(5, event_id)

    assert {event["id"] for event in got} == {event_id}
    until(lambda: len(attempts(merchant, event_id)) == 5)
    assert sorted(entry["copy"] for entry in attempts(merchant, event_id)) == [1, 2, 3, 4, 5]


def test_a_delayed_event_comes_late(merchant: Merchant) -> None:
    merchant.stand_in.arm("webhook_delay", match="unhurried", seconds=1)
    late, prompt = made(merchant, "unhurried"), made(merchant, "prompt")

    merchant.hook.await_bodies(1, late)

    order = [event["id"] for event in merchant.hook.bodies("invoice.paid")]
    assert order.index(prompt) < order.index(late)


def test_a_reordered_event_comes_after_the_next_one(merchant: Merchant) -> None:
    merchant.stand_in.arm("webhook_reorder", match=COMPLETED)

    intent = merchant.paid()

    got = merchant.hook.await_bodies(2, intent)
    assert [event["type"] for event in got] == ["payment_intent.succeeded", COMPLETED]


def test_a_reordered_event_that_nothing_follows_comes_in_the_end(merchant: Merchant) -> None:
    merchant.stand_in.arm("webhook_reorder", match="lonely", seconds=0.2)

    event_id = made(merchant, "lonely")

    assert len(merchant.hook.await_bodies(1, event_id)) == 1


@pytest.mark.parametrize(
    ("fault", "skew_s"), [("webhook_bad_signature", 0), ("webhook_old", -3600), ("webhook_future", 3600)]
)
def test_a_spoilt_event_is_followed_by_a_good_one(merchant: Merchant, fault: str, skew_s: int) -> None:
    merchant.stand_in.arm(fault, match=fault)
    spoilt_once = iter([400])
    merchant.hook.answer = lambda earlier: next(spoilt_once, 200) if merchant.hook.names(earlier, fault) else 200

    event_id = made(merchant, fault)

    merchant.hook.await_bodies(2, event_id)
    until(lambda: len(attempts(merchant, event_id)) == 2)
    assert [entry["flaw"] for entry in attempts(merchant, event_id)] == [fault, None]
    spoilt, header = signed(merchant, event_id)
    stamp = int(header.split(",")[0].removeprefix("t="))
    assert abs(stamp - time.time() - skew_s) < 30
    if fault != "webhook_future":  # stripe-python accepts any future
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(spoilt, header, SECRET)
    assert stripe.Webhook.construct_event(*signed(merchant, event_id, 1), SECRET).id == event_id


@pytest.mark.parametrize("parallel", [True, False])
def test_an_event_can_be_sent_again(merchant: Merchant, *, parallel: bool) -> None:
    event_id = made(merchant, f"again {parallel}")
    merchant.hook.await_bodies(1, event_id)

    merchant.control(f"events/{event_id}/resend", times=3, parallel=parallel)

    assert len(merchant.hook.await_bodies(4, event_id)) == 4


def test_a_misspelt_fault_is_refused(merchant: Merchant) -> None:
    answer = requests.post(f"{merchant.stand_in.url}/sandbox/faults", json={"fault": "webhook_lots"}, timeout=10)

    assert answer.status_code == 422
    assert "webhook_lost" in answer.text
