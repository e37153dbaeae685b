"""The validator itself finds what it is for."""

import copy
from typing import Any

import pytest

from tests.integration.sandbox.stripe_fixtures import calm, merchant
from tests.integration.sandbox.stripe_shapes import faults_of
from tests.integration.sandbox.stripe_standin import Merchant, wire

__all__ = ["calm", "merchant"]


@pytest.fixture(scope="module")
def intent(merchant: Merchant) -> Any:
    asked = {"expand": ["latest_charge.balance_transaction"]}
    return wire(merchant.client().v1.payment_intents.retrieve(merchant.paid(), asked))  # type: ignore[arg-type]


def put(shape: Any, path: str, value: Any) -> Any:
    changed = copy.deepcopy(shape)
    *way, last = path.split(".")
    node = changed
    for name in way:
        node = node[int(name)] if name.isdigit() else node[name]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return changed


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("amount", ...),
        ("amount", "768"),
        ("amount", None),
        ("livemode", 0),
        ("amuont", 5),
        ("status", "paid"),
        ("metadata.job_id", 5),
        ("payment_method_types", "card"),
        ("latest_charge.status", "done"),
        ("latest_charge.billing_details", ...),
        ("latest_charge.payment_method_details.card.exp_year", None),
        ("latest_charge.balance_transaction.fee_details.0.type", ...),
    ],
)
def test_a_wrong_field_is_found(intent: Any, path: str, value: Any) -> None:
    assert faults_of(intent) == []
    faults = faults_of(put(intent, path, value))
    assert len(faults) == 1, faults
    assert path.rpartition(".")[2] in faults[0]


def test_an_event_is_checked_with_its_object(merchant: Merchant, intent: Any) -> None:
    event = next(e for e in merchant.events(intent["id"]) if e["type"] == "payment_intent.succeeded")
    event = {name: value for name, value in event.items() if name not in ("lost", "attempts")}

    assert faults_of(event) == []
    assert faults_of(put(event, "data.object.currency", 1)) == [
        "payment_intent.succeeded: payment_intent.currency: 1 is no str"
    ]
    assert len(faults_of(put(event, "type", "payment_intent.paid"))) == 1
