"""Checkout at the stand-in, through stripe-python: sessions, the payable page, delayed methods, lists."""

import time
from typing import Any

import pytest
import requests
import stripe

from tests.integration.sandbox.stripe_fixtures import calm, merchant
from tests.integration.sandbox.stripe_standin import Merchant, order_params, wire

__all__ = ["calm", "merchant"]


def page(merchant: Merchant, session: stripe.checkout.Session, **form: str) -> requests.Response:
    url = f"{merchant.stand_in.url}/pay/{session.id}"
    if not form:
        return requests.get(url, timeout=10)
    return requests.post(url, data=form, timeout=10, allow_redirects=False)


def test_a_new_session_is_open_unpaid_and_leads_to_the_page(merchant: Merchant) -> None:
    session = wire(merchant.order(customer_email="kim@example.com"))

    assert (session["status"], session["payment_status"], session["payment_intent"]) == ("open", "unpaid", None)
    assert session["url"] == f"{merchant.stand_in.url}/pay/{session['id']}"
    assert session["amount_total"] == 768
    assert session["customer_details"]["email"] == "kim@example.com"
    assert session["metadata"] == {"job_id": "5", "resolution": "4x", "source": "enlarger"}
    assert session["expires_at"] - session["created"] == 24 * 3600


def test_a_payment_makes_intent_charge_and_balance_entry_with_the_metadata(merchant: Merchant) -> None:
    intent = merchant.client().v1.payment_intents.retrieve(
        merchant.paid(), {"expand": ["latest_charge.balance_transaction"]}
    )

    shape = wire(intent)
    charge = shape["latest_charge"]
    assert (shape["status"], shape["amount_received"]) == ("succeeded", 768)
    assert shape["metadata"] == charge["metadata"] == order_params()["metadata"]
    assert charge["billing_details"]["email"] == "pat@example.com"
    assert (charge["balance_transaction"]["fee"], charge["balance_transaction"]["net"]) == (52, 716)
    assert merchant.kinds(shape["id"]) == ["checkout.session.completed", "payment_intent.succeeded"]


def test_the_page_shows_the_order_and_that_no_money_is_real(merchant: Merchant) -> None:
    html = page(merchant, merchant.order()).text

    for text in ("no real money", "4x enlargement", "A cat at the window", "$7.68", "Cancel and return"):
        assert text in html


def test_paying_on_the_page_leads_back_to_the_shop_and_a_second_click_charges_nothing(merchant: Merchant) -> None:
    session = merchant.order()

    for _ in range(2):
        answer = page(merchant, session, action="pay", email="lee@example.com")
        assert answer.status_code == 303
        assert answer.headers["Location"] == (
            f"http://shop.test/thanks?smi_payment=success&session_id={session.id}&job_id=t"
        )

    paid = wire(merchant.client().v1.checkout.sessions.retrieve(session.id))
    assert (paid["payment_status"], paid["url"]) == ("paid", None)
    assert paid["customer_details"]["email"] == "lee@example.com"
    charged = wire(merchant.client().v1.charges.list({"payment_intent": paid["payment_intent"]}))["data"]
    assert [charge["amount"] for charge in charged] == [768]
    assert merchant.kinds(session.id) == ["checkout.session.completed"]


def test_the_page_refuses_to_be_paid_without_an_address(merchant: Merchant) -> None:
    session = merchant.order()

    answer = page(merchant, session, action="pay", email=" ")

    assert answer.status_code == 400
    assert "An e-mail address is needed" in answer.text
    assert wire(merchant.client().v1.checkout.sessions.retrieve(session.id))["status"] == "open"


def test_cancelling_leads_to_the_cancel_url_and_leaves_the_session_open(merchant: Merchant) -> None:
    session = merchant.order()

    answer = page(merchant, session, action="cancel")

    assert answer.headers["Location"] == f"http://shop.test/?smi_payment=cancelled&session_id={session.id}"
    assert wire(merchant.client().v1.checkout.sessions.retrieve(session.id))["status"] == "open"


@pytest.mark.parametrize(
    ("succeeded", "status", "payment_status", "kinds"),
    [
        (True, "succeeded", "paid", ["checkout.session.async_payment_succeeded", "payment_intent.succeeded"]),
        (
            False,
            "requires_payment_method",
            "unpaid",
            ["checkout.session.async_payment_failed", "payment_intent.payment_failed"],
        ),
    ],
)
def test_a_delayed_method_completes_unpaid_and_is_settled_later(
    merchant: Merchant, *, succeeded: bool, status: str, payment_status: str, kinds: list[str]
) -> None:
    session = merchant.order()
    assert page(merchant, session, action="delayed", email="lee@example.com").status_code == 303
    waiting = wire(merchant.client().v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]}))
    assert (waiting["status"], waiting["payment_status"]) == ("complete", "unpaid")
    assert waiting["payment_intent"]["status"] == "processing"

    settled = merchant.control(f"sessions/{session.id}/settle", succeeded=succeeded)

    intent = wire(merchant.client().v1.payment_intents.retrieve(settled["payment_intent"]))
    assert (intent["status"], settled["payment_status"]) == (status, payment_status)
    assert merchant.kinds(intent["id"])[2:] == kinds
    assert "awaits no settlement" in merchant.refused(f"sessions/{session.id}/settle", succeeded=True)


def test_an_expired_session_cannot_be_paid_and_says_so_once(merchant: Merchant) -> None:
    sessions = merchant.client().v1.checkout.sessions
    session = merchant.order()

    expired = wire(sessions.expire(session.id))

    assert (expired["status"], expired["url"]) == ("expired", None)
    assert page(merchant, session, action="pay", email="lee@example.com").status_code == 410
    assert "status of expired" in merchant.refused(f"sessions/{session.id}/pay", email="lee@example.com")
    with pytest.raises(stripe.InvalidRequestError, match="status of expired"):
        sessions.expire(session.id)
    assert merchant.kinds(session.id) == ["checkout.session.expired"]


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"line_items": order_params(49)["line_items"]}, "amount_too_small", "line_items"),
        ({"line_items": []}, "parameter_missing", "line_items"),
        ({"colour": "blue"}, "parameter_unknown", "colour"),
        ({"payment_intent_data": {"capture": "now"}}, "parameter_unknown", "payment_intent_data[capture]"),
        ({"success_url": "shop.test"}, "url_invalid", "success_url"),
        ({"customer_email": "nobody"}, "email_invalid", "customer_email"),
        ({"customer_email": ""}, "parameter_invalid_empty", "customer_email"),
        ({"expires_at": int(time.time()) + 600}, None, "expires_at"),
        ({"metadata": {"long": "x" * 501}}, None, "metadata"),
    ],
)
def test_bad_orders_are_refused_by_name(merchant: Merchant, changes: Any, code: str | None, param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        merchant.order(**changes)

    assert (refusal.value.http_status, refusal.value.code, refusal.value.param) == (400, code, param)


def test_unknown_ids_and_routes_are_404_and_a_wrong_key_is_401(merchant: Merchant) -> None:
    client = merchant.client()
    with pytest.raises(stripe.InvalidRequestError) as missing:
        client.v1.payment_intents.retrieve("pi_none")
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL"):
        client.v1.customers.list()
    with pytest.raises(stripe.AuthenticationError):
        client.v1.payment_intents.retrieve("pi_none", options={"api_key": "sk_test_other"})
    assert requests.get(f"{merchant.stand_in.url}/v1/refunds", auth=("sk_test_of_the_tests", ""), timeout=10).ok
    assert requests.get(f"{merchant.stand_in.url}/v1/refunds", timeout=10).status_code == 401


def test_lists_are_paged_filtered_and_newest_first(merchant: Merchant) -> None:
    client = merchant.client()
    ids = [merchant.order().id for _ in range(5)]

    listed = client.v1.checkout.sessions.list({"limit": 2})
    assert [session["id"] for session in wire(listed)["data"]] == ids[:-3:-1]
    walked = [session.id for session in listed.auto_paging_iter()]
    assert walked[:5] == ids[::-1]
    assert len(walked) == len(set(walked)) == len(merchant.ledger("sessions"))
    back = wire(client.v1.checkout.sessions.list({"limit": 2, "ending_before": ids[0]}))
    assert [session["id"] for session in back["data"]] == [ids[2], ids[1]]


def test_a_session_and_a_charge_are_found_by_their_payment_intent(merchant: Merchant) -> None:
    client, intent = merchant.client(), merchant.paid()

    [session] = wire(client.v1.checkout.sessions.list({"payment_intent": intent, "expand": ["data.line_items"]}))[
        "data"
    ]
    [charge] = wire(client.v1.charges.list({"payment_intent": intent, "expand": ["data.refunds"]}))["data"]

    assert session["payment_intent"] == charge["payment_intent"] == intent
    assert session["line_items"]["data"][0]["description"] == "4x enlargement"
    assert wire(client.v1.charges.retrieve(charge["id"]))["status"] == "succeeded"
    assert wire(client.v1.balance_transactions.retrieve(charge["balance_transaction"]))["type"] == "charge"


def test_what_cannot_be_expanded_is_refused(merchant: Merchant) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        merchant.client().v1.payment_intents.retrieve(merchant.paid(), {"expand": ["amount"]})
