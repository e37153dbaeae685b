"""Idempotency keys and broken calls at the stand-in, through stripe-python."""

import threading
import uuid
from typing import Any

import pytest
import stripe

from tests.integration.sandbox.standin import until
from tests.integration.sandbox.stripe_fixtures import calm, merchant
from tests.integration.sandbox.stripe_standin import Merchant, order_params

__all__ = ["calm", "merchant"]


@pytest.fixture
def key() -> str:
    return f"refund:{uuid.uuid4()}"


def refund(merchant: Merchant, key: str, timeout_s: float = 10, **asked: Any) -> stripe.Refund:
    return merchant.client(timeout_s).v1.refunds.create(asked, {"idempotency_key": key})  # type: ignore[arg-type]


def refunds_of(merchant: Merchant, intent: str) -> list[Any]:
    return [entry for entry in merchant.ledger("refunds") if entry["payment_intent"] == intent]


def replayed(answer: Any) -> bool:
    return bool(answer.last_response.headers.get("Idempotent-Replayed") == "true")


def test_the_same_key_gets_the_same_answer_and_refunds_once(merchant: Merchant, key: str) -> None:
    intent = merchant.paid()

    first = refund(merchant, key, payment_intent=intent, amount=100)
    second = refund(merchant, key, payment_intent=intent, amount=100)

    assert first.last_response is not None
    assert second.last_response is not None
    assert first.last_response.body == second.last_response.body
    assert (replayed(first), replayed(second)) == (False, True)
    assert second.last_response.headers["Original-Request"] == first.last_response.headers["Request-Id"]
    assert len(refunds_of(merchant, intent)) == 1
    assert merchant.kinds(intent).count("refund.created") == 1


def test_a_refusal_is_replayed_although_the_reason_is_gone(merchant: Merchant, key: str) -> None:
    intent = merchant.paid()
    merchant.stand_in.arm("insufficient_balance", match=intent)

    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            refund(merchant, key, payment_intent=intent)
        assert refusal.value.code == "balance_insufficient"

    assert refunds_of(merchant, intent) == []


def test_the_same_key_with_other_parameters_is_an_error(merchant: Merchant, key: str) -> None:
    intent = merchant.paid()
    refund(merchant, key, payment_intent=intent, amount=100)

    with pytest.raises(stripe.IdempotencyError, match="same parameters"):
        refund(merchant, key, payment_intent=intent, amount=101)
    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        merchant.client().v1.checkout.sessions.create(order_params(), {"idempotency_key": key})  # type: ignore[arg-type]

    assert len(refunds_of(merchant, intent)) == 1


def test_a_key_in_flight_conflicts(merchant: Merchant, key: str) -> None:
    intent = merchant.paid()
    merchant.stand_in.arm("slow", match=intent, seconds=1)
    slow = threading.Thread(target=refund, args=(merchant, key), kwargs={"payment_intent": intent})
    slow.start()
    until(lambda: merchant.calls("/v1/refunds", key))

    with pytest.raises(stripe.APIError) as conflict:
        refund(merchant, key, payment_intent=intent)
    slow.join()

    assert (conflict.value.http_status, conflict.value.error.code) == (409, "idempotency_key_in_use")  # type: ignore[union-attr]
    assert replayed(refund(merchant, key, payment_intent=intent))


def test_twenty_at_once_with_one_key_refund_once(merchant: Merchant, key: str) -> None:
    intent = merchant.paid()
    outcomes: list[str] = []

    def ask() -> None:
        try:
            outcomes.append(refund(merchant, key, payment_intent=intent).id)
        except stripe.APIError as conflict:
            outcomes.append(str(conflict.http_status))

    askers = [threading.Thread(target=ask) for _ in range(20)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()

    assert len(outcomes) == 20
    assert {outcome for outcome in outcomes if outcome != "409"} == {refunds_of(merchant, intent)[0]["id"]}
    assert len(refunds_of(merchant, intent)) == 1


@pytest.mark.parametrize("effect", [False, True])
def test_a_500_is_saved_under_its_key_and_may_hide_an_effect(merchant: Merchant, key: str, *, effect: bool) -> None:
    intent = merchant.paid()
    merchant.stand_in.arm("http_500", match=intent, effect=effect)

    for replay in (None, "true"):
        with pytest.raises(stripe.APIError) as broken:
            refund(merchant, key, payment_intent=intent)
        assert broken.value.http_status == 500
        assert (broken.value.headers or {}).get("Idempotent-Replayed") == replay

    assert len(refunds_of(merchant, intent)) == int(effect)


def test_the_answer_may_be_lost_although_the_refund_was_made(merchant: Merchant, key: str) -> None:
    intent = merchant.paid()
    merchant.stand_in.arm("timeout_after_accept", match=intent, seconds=0.1)

    with pytest.raises(stripe.APIConnectionError):
        refund(merchant, key, payment_intent=intent)

    assert len(refunds_of(merchant, intent)) == 1
    assert replayed(refund(merchant, key, payment_intent=intent))
    lost, told = merchant.calls("/v1/refunds", key)
    assert (lost["status"], lost["faults"]) == (None, ["timeout_after_accept"])
    assert (told["status"], told["replayed"]) == (200, True)


def test_an_answer_that_never_comes_runs_into_the_callers_timeout(merchant: Merchant, key: str) -> None:
    intent = merchant.paid()
    merchant.stand_in.arm("timeout_after_accept", match=intent)

    with pytest.raises(stripe.APIConnectionError, match="Timeout"):
        refund(merchant, key, timeout_s=0.3, payment_intent=intent)

    assert len(refunds_of(merchant, intent)) == 1


def test_a_refused_connection_has_no_effect_and_frees_the_key(merchant: Merchant, key: str) -> None:
    intent = merchant.paid()
    merchant.stand_in.arm("refuse_before", match=intent)

    with pytest.raises(stripe.APIConnectionError):
        refund(merchant, key, payment_intent=intent)
    assert refunds_of(merchant, intent) == []

    assert not replayed(refund(merchant, key, payment_intent=intent))


@pytest.mark.parametrize(("fault", "status"), [("http_429", 429), ("http_409", 409)])
def test_a_429_or_409_is_not_saved(merchant: Merchant, key: str, fault: str, status: int) -> None:
    intent = merchant.paid()
    merchant.stand_in.arm(fault, match=intent)

    with pytest.raises(stripe.StripeError) as turned_away:
        refund(merchant, key, payment_intent=intent)

    assert turned_away.value.http_status == status
    assert isinstance(turned_away.value, stripe.RateLimitError) == (status == 429)
    assert not replayed(refund(merchant, key, payment_intent=intent))


def test_bad_parameters_are_not_saved(merchant: Merchant, key: str) -> None:
    intent = merchant.paid()
    with pytest.raises(stripe.InvalidRequestError, match="Invalid integer"):
        refund(merchant, key, payment_intent=intent, amount=0)

    assert refund(merchant, key, payment_intent=intent, amount=1).amount == 1


def test_a_forgotten_key_refunds_again(merchant: Merchant, key: str) -> None:
    intent = merchant.paid()
    refund(merchant, key, payment_intent=intent, amount=100)

    assert merchant.forget_keys() > 0
    refund(merchant, key, payment_intent=intent, amount=100)

    assert len(refunds_of(merchant, intent)) == 2


def test_the_librarys_own_retries_get_through_a_dropped_connection(merchant: Merchant) -> None:
    merchant.stand_in.arm("refuse_before", match="/v1/refunds")
    intent = merchant.paid()

    made = merchant.client().v1.refunds.create({"payment_intent": intent}, {"max_network_retries": 2})

    assert made.status == "succeeded"
    assert len(refunds_of(merchant, intent)) == 1


def test_the_ledger_has_every_call(merchant: Merchant, key: str) -> None:
    intent = merchant.paid()
    refund(merchant, key, payment_intent=intent, amount=100)
    with pytest.raises(stripe.InvalidRequestError):
        merchant.client().v1.refunds.retrieve(f"re_{key}")

    write = merchant.calls("/v1/refunds", key)
    [read] = [call for call in merchant.ledger("calls") if key in call["path"]]

    assert [(call["method"], call["status"], call["params"]) for call in write] == [
        ("POST", 200, {"payment_intent": intent, "amount": "100"})
    ]
    assert (read["method"], read["key"], read["status"]) == ("GET", None, 404)
    [paid] = [entry for entry in merchant.ledger("payment_intents") if entry["id"] == intent]
    assert (paid["amount"], paid["amount_refunded"], paid["metadata"]["job_id"]) == (768, 100, "5")
