"""Refunds and disputes at the stand-in, through stripe-python: who gets how much, and what is refused."""

from typing import Any

import pytest
import stripe

from tests.integration.sandbox.standin import until
from tests.integration.sandbox.stripe_fixtures import calm, merchant
from tests.integration.sandbox.stripe_standin import Merchant, wire

__all__ = ["calm", "merchant"]

GONE = "expired_or_canceled_card"


def refund(merchant: Merchant, intent: str, amount: int | None = None) -> Any:
    asked: dict[str, Any] = {
        "payment_intent": intent,
        "reason": "requested_by_customer",
        "metadata": {"job_id": "5", "refund_id": "7"},
    }
    return wire(merchant.client().v1.refunds.create(asked | ({"amount": amount} if amount else {})))  # type: ignore[arg-type]


def refusal(merchant: Merchant, intent: str, amount: int | None = None) -> stripe.InvalidRequestError:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        refund(merchant, intent, amount)
    assert caught.value.http_status == 400
    return caught.value


def charge_of(merchant: Merchant, intent: str) -> Any:
    return wire(merchant.client().v1.charges.list({"payment_intent": intent}))["data"][0]


def test_a_refund_without_an_amount_takes_what_is_left(merchant: Merchant) -> None:
    intent = merchant.paid(1000)

    first, rest = refund(merchant, intent, 300), refund(merchant, intent)

    assert [first["amount"], rest["amount"]] == [300, 700]
    assert rest["status"] == "succeeded"
    assert rest["metadata"] == {"job_id": "5", "refund_id": "7"}
    charge = charge_of(merchant, intent)
    assert (charge["amount_refunded"], charge["refunded"]) == (1000, True)
    listed = wire(merchant.client().v1.refunds.list({"payment_intent": intent}))["data"]
    assert [entry["id"] for entry in listed] == [rest["id"], first["id"]]
    assert wire(merchant.client().v1.refunds.retrieve(rest["id"]))["charge"] == charge["id"]
    assert merchant.kinds(intent)[2:] == ["refund.created", "charge.refunded", "refund.updated"] * 2


def test_a_refund_in_full_leaves_nothing_to_refund(merchant: Merchant) -> None:
    intent = merchant.paid()
    refund(merchant, intent)

    assert refusal(merchant, intent).code == "charge_already_refunded"
    assert refusal(merchant, intent, 1).code == "charge_already_refunded"


def test_more_than_is_left_is_refused_and_moves_nothing(merchant: Merchant) -> None:
    intent = merchant.paid(1000)
    refund(merchant, intent, 400)

    assert refusal(merchant, intent, 601).param == "amount"
    assert charge_of(merchant, intent)["amount_refunded"] == 400


def test_what_was_not_paid_cannot_be_refunded(merchant: Merchant) -> None:
    session = merchant.control(f"sessions/{merchant.order().id}/pay", email="a@example.com", delayed=True)

    assert refusal(merchant, session["payment_intent"]).code == "payment_intent_unexpected_state"
    assert refusal(merchant, "pi_none").code == "resource_missing"
    with pytest.raises(stripe.InvalidRequestError, match="payment_intent or charge"):
        merchant.client().v1.refunds.create({"amount": 5})


def test_the_event_of_an_api_refund_names_request_and_key_and_that_of_the_dashboard_neither(merchant: Merchant) -> None:
    intent = merchant.paid(1000)
    merchant.client().v1.refunds.create({"payment_intent": intent, "amount": 1}, {"idempotency_key": "named"})
    made = merchant.control(f"payment_intents/{intent}/refund", amount=250)

    ours, theirs = (event for event in merchant.events(intent) if event["type"] == "refund.created")

    assert ours["request"]["idempotency_key"] == "named"
    assert ours["request"]["id"] in [call["request_id"] for call in merchant.calls("/v1/refunds", "named")]
    assert theirs["request"] == {"id": None, "idempotency_key": None}
    assert (made["amount"], made["metadata"], made["reason"]) == (250, {}, None)


def test_a_pending_refund_waits_until_it_is_told(merchant: Merchant) -> None:
    merchant.stand_in.arm("refund_pending", pending_reason="insufficient_funds")
    intent = merchant.paid()
    pending = refund(merchant, intent)
    assert (pending["status"], pending["pending_reason"]) == ("pending", "insufficient_funds")
    assert pending["balance_transaction"] is None

    merchant.control(f"refunds/{pending['id']}", status="requires_action")
    done = merchant.control(f"refunds/{pending['id']}", status="succeeded")

    assert (done["status"], bool(done["balance_transaction"])) == ("succeeded", True)
    assert merchant.kinds(pending["id"]) == ["refund.created", "refund.updated", "refund.updated"]
    assert "cannot become canceled" in merchant.refused(f"refunds/{pending['id']}", status="canceled")


def test_a_refund_that_fails_later_gives_the_money_back_to_the_charge(merchant: Merchant) -> None:
    merchant.stand_in.arm("refund_fails_later", seconds=0.1, failure_reason="lost_or_stolen_card")
    intent = merchant.paid()
    first = refund(merchant, intent)
    assert first["status"] == "succeeded"

    until(lambda: "refund.failed" in merchant.kinds(first["id"]))

    failed = wire(merchant.client().v1.refunds.retrieve(first["id"], {"expand": ["failure_balance_transaction"]}))
    assert (failed["status"], failed["failure_reason"]) == ("failed", "lost_or_stolen_card")
    assert failed["failure_balance_transaction"]["amount"] == 768
    assert charge_of(merchant, intent)["amount_refunded"] == 0
    assert refund(merchant, intent)["amount"] == 768


def test_a_cancelled_refund_frees_its_amount(merchant: Merchant) -> None:
    merchant.stand_in.arm("refund_pending")
    intent = merchant.paid()
    pending = refund(merchant, intent)

    merchant.control(f"refunds/{pending['id']}", status="canceled")

    assert charge_of(merchant, intent)["amount_refunded"] == 0
    assert "refund.failed" not in merchant.kinds(pending["id"])


def test_an_empty_balance_refuses_the_refund(merchant: Merchant) -> None:
    intent = merchant.paid()
    merchant.stand_in.arm("insufficient_balance", match=intent)

    assert refusal(merchant, intent).code == "balance_insufficient"
    assert refund(merchant, intent)["status"] == "succeeded"


def test_a_chargeback_takes_what_was_left_and_stops_refunds(merchant: Merchant) -> None:
    intent = merchant.paid(1000)
    refund(merchant, intent, 100)

    opened = merchant.control(f"payment_intents/{intent}/dispute")

    dispute = wire(merchant.client().v1.disputes.retrieve(opened["id"]))
    [taken] = dispute["balance_transactions"]
    assert (dispute["amount"], taken["amount"], taken["fee"], taken["net"]) == (900, -900, 1500, -2400)
    assert (dispute["is_charge_refundable"], charge_of(merchant, intent)["disputed"]) == (False, True)
    assert refusal(merchant, intent).code == "charge_disputed"
    assert wire(merchant.client().v1.disputes.list({"payment_intent": intent}))["data"] == [dispute]
    assert merchant.kinds(dispute["id"]) == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]


@pytest.mark.parametrize(
    ("status", "moved", "kinds"),
    [
        ("won", [-768, 768], ["charge.dispute.closed", "charge.dispute.funds_reinstated"]),
        ("lost", [-768], ["charge.dispute.closed"]),
    ],
)
def test_a_dispute_ends_won_or_lost(merchant: Merchant, status: str, moved: list[int], kinds: list[str]) -> None:
    intent = merchant.paid()
    dispute = merchant.control(f"payment_intents/{intent}/dispute", reason="fraudulent")

    closed = merchant.control(f"disputes/{dispute['id']}/close", status=status)

    assert closed["status"] == status
    assert [entry["amount"] for entry in closed["balance_transactions"]] == moved
    assert merchant.kinds(dispute["id"])[2:] == kinds
    assert "it cannot be" in merchant.refused(f"disputes/{dispute['id']}/close", status="won")
    if status == "won":
        assert refund(merchant, intent)["amount"] == 768
    else:
        assert refusal(merchant, intent).code == "charge_disputed"


def test_an_inquiry_moves_no_money_until_it_becomes_a_chargeback(merchant: Merchant) -> None:
    intent = merchant.paid(1000)
    inquiry = merchant.control(f"payment_intents/{intent}/dispute", status="warning_needs_response")
    assert (inquiry["balance_transactions"], inquiry["is_charge_refundable"]) == ([], True)
    assert refund(merchant, intent, 1)["status"] == "succeeded"

    escalated = merchant.control(f"disputes/{inquiry['id']}/escalate")

    assert (escalated["status"], len(escalated["balance_transactions"])) == ("needs_response", 1)
    assert merchant.kinds(inquiry["id"]) == [
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.funds_withdrawn",
    ]


@pytest.mark.parametrize("kind", ["needs_response", "warning_needs_response"])
def test_a_dispute_whose_evidence_was_sent_is_under_review_until_it_is_decided(merchant: Merchant, kind: str) -> None:
    intent = merchant.paid(768)
    dispute = merchant.control(f"payment_intents/{intent}/dispute", status=kind)
    reviewed = merchant.control(f"disputes/{dispute['id']}/review")
    assert reviewed["status"] == kind.replace("needs_response", "under_review")
    assert reviewed["balance_transactions"] == dispute["balance_transactions"]
    assert merchant.kinds(dispute["id"])[-1] == "charge.dispute.updated"
    assert "it cannot be" in merchant.refused(f"disputes/{dispute['id']}/review")
    if kind == "needs_response":
        assert refusal(merchant, intent).code == "charge_disputed"
    end = "won" if kind == "needs_response" else "warning_closed"
    assert merchant.control(f"disputes/{dispute['id']}/close", status=end)["status"] == end


def test_an_inquiry_that_is_closed_lets_another_dispute_be_opened(merchant: Merchant) -> None:
    intent = merchant.paid()
    inquiry = merchant.control(f"payment_intents/{intent}/dispute", status="warning_needs_response")
    assert "disputed already" in merchant.refused(f"payment_intents/{intent}/dispute")

    closed = merchant.control(f"disputes/{inquiry['id']}/close", status="warning_closed")

    assert (closed["status"], closed["balance_transactions"]) == ("warning_closed", [])
    assert merchant.control(f"payment_intents/{intent}/dispute")["status"] == "needs_response"


def test_a_chargeback_fails_the_refund_that_was_pending(merchant: Merchant) -> None:
    merchant.stand_in.arm("refund_pending")
    intent = merchant.paid()
    pending = refund(merchant, intent)

    dispute = merchant.control(f"payment_intents/{intent}/dispute")

    failed = wire(merchant.client().v1.refunds.retrieve(pending["id"]))
    assert (failed["status"], failed["failure_reason"]) == ("failed", "charge_for_pending_refund_disputed")
    assert dispute["amount"] == 768
