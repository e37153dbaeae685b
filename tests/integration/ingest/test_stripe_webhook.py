"""Stripe's events: acted on once, compared with what was sold, never believed unsigned."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.ingest.shop import Shop, completed, event, signed
from tests.integration.sandbox.standin import until

HOOK = "/smi-webhook/stripe/"


def _send(shop: Shop, body: bytes, **signing: Any) -> tuple[int, str]:
    answer = shop.post(HOOK, data=body, headers=signed(body, **signing))
    return answer.status_code, answer.json().get("outcome", "")


def _recorded(shop: Shop, event_id: str) -> int:
    return int(shop.rows("SELECT count(*) AS n FROM stripe_events WHERE event_id = %s", event_id)[0]["n"])


def test_a_duplicate_five_times_in_parallel_is_one_payment(shop: Shop) -> None:
    ticket = shop.ordered()
    body = completed(shop.job(ticket), "evt_five")
    with ThreadPoolExecutor(5) as threads:
        answers = list(threads.map(lambda _: _send(shop, body), range(5)))
    assert sorted(answers) == [(200, "applied")] + [(200, "duplicate")] * 4
    assert shop.kinds(ticket).count("paid") == 1
    assert _recorded(shop, "evt_five") == 1


def test_all_of_stripes_events_about_one_payment_are_one_payment(shop: Shop) -> None:
    ticket = shop.paid()
    shop.checkout()
    session = shop.session(ticket)
    events = [e for e in shop.stripe.get("/sandbox/ledger")["events"] if e["data"]["object"].get("id") == session]
    for told in events:
        shop.control(f"events/{told['id']}/resend", {"times": 5, "parallel": True})
    until(lambda: _recorded(shop, events[0]["id"]))
    assert shop.kinds(ticket).count("paid") == 1


@pytest.mark.parametrize(
    ("secret", "offset_s"),
    [("whsec_of_a_stranger", 0), ("whsec_new", -400), ("whsec_new", 400), ("whsec_new", 3e7)],
)
def test_a_bad_signature_leaves_no_row(shop: Shop, secret: str, offset_s: float) -> None:
    ticket = shop.ordered()
    body = completed(shop.job(ticket), "evt_forged")
    assert _send(shop, body, secret=secret, at=time.time() + offset_s) == (400, "")
    assert _recorded(shop, "evt_forged") == 0
    assert shop.job(ticket)["stage"] == "checkout"


def test_the_older_secret_still_works(shop: Shop) -> None:
    ticket = shop.ordered()
    assert _send(shop, completed(shop.job(ticket), "evt_old_key"), secret="whsec_old") == (200, "applied")


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"amount_total": 1}, "1 cents were paid"),
        ({"amount_total": None}, "None cents were paid"),
        ({"currency": "jpy"}, "paid in jpy"),
        ({"livemode": True}, "live mode with a test key"),
    ],
)
def test_a_payment_that_differs_is_taken_and_held(shop: Shop, changes: dict[str, Any], difference: str) -> None:
    ticket = shop.ordered()
    body = completed(shop.job(ticket), f"evt_{difference.replace(' ', '_')}", **changes)
    assert _send(shop, body) == (200, "applied")
    job = shop.job(ticket)
    assert (job["stage"], job["hold_reason"]) == ("submit", "payment_mismatch")
    assert job["review_at"] is not None
    (raised,) = shop.rows("SELECT reason, detail FROM attention WHERE job_id = %s", job["job_id"])
    assert raised["reason"] == "payment_mismatch"
    assert difference in raised["detail"]


def test_a_second_payment_of_one_order_calls_for_a_person(shop: Shop) -> None:
    ticket = shop.ordered()
    job = shop.job(ticket)
    _send(shop, completed(job, "evt_one"))
    _send(shop, completed(job, "evt_two"))
    assert shop.kinds(ticket).count("paid") == 1
    assert [r["reason"] for r in shop.rows("SELECT reason FROM attention WHERE job_id = %s", job["job_id"])] == [
        "paid_twice"
    ]


def test_a_late_payment_revives_an_abandoned_order(shop: Shop) -> None:
    ticket = shop.ordered()
    shop.control(f"sessions/{shop.session(ticket)}/expire")
    until(lambda: shop.job(ticket)["status"] == "abandoned")
    assert _send(shop, completed(shop.job(ticket), "evt_late")) == (200, "applied")
    job = shop.job(ticket)
    assert (job["status"], job["stage"], job["settled_at"]) == ("pending", "submit", None)
    assert shop.kinds(ticket)[-2:] == ["abandoned", "paid"]


def test_a_delayed_payment_is_a_payment_when_it_arrives(shop: Shop) -> None:
    ticket = shop.ordered()
    shop.pay(ticket, delayed=True)
    until(lambda: "payment_pending" in shop.kinds(ticket))
    assert shop.job(ticket)["charged_cents"] == 0
    shop.control(f"sessions/{shop.session(ticket)}/settle", {"succeeded": True})
    until(lambda: shop.job(ticket)["stage"] == "submit")


def test_a_delayed_payment_that_fails_ends_the_order(shop: Shop) -> None:
    ticket = shop.ordered()
    shop.pay(ticket, delayed=True)
    shop.control(f"sessions/{shop.session(ticket)}/settle", {"succeeded": False})
    until(lambda: shop.job(ticket)["status"] == "abandoned")


def test_a_declined_card_leaves_the_page_open(shop: Shop) -> None:
    ticket = shop.ordered()
    metadata = {"source": "enlarger", "job_id": str(shop.job(ticket)["job_id"])}
    body = event("payment_intent.payment_failed", "evt_declined", {"id": "pi_declined", "metadata": metadata})
    assert _send(shop, body) == (200, "applied")
    assert shop.job(ticket)["stage"] == "checkout"


def test_the_address_is_fetched_when_the_event_has_none(shop: Shop) -> None:
    ticket = shop.ordered()
    shop.stripe.arm("webhook_lost", match="checkout.session.completed")
    shop.pay(ticket, "berta@example.org")
    until(lambda: shop.job(ticket)["stage"] == "submit")
    shop.stripe.disarm()
    assert shop.job(ticket)["email"] == "berta@example.org"


def test_without_the_address_stripe_is_asked_to_come_again(shop: Shop) -> None:
    ticket = shop.ordered()
    shop.stripe.arm("http_500", count=2, match="/v1/checkout/sessions")
    about = {"id": "pi_silent", "amount_received": 50, "currency": "usd", "livemode": False}
    metadata = {"source": "enlarger", "job_id": str(shop.job(ticket)["job_id"])}
    body = event("payment_intent.succeeded", "evt_silent", about | {"metadata": metadata})
    assert _send(shop, body)[0] == 503
    shop.stripe.disarm()
    assert _recorded(shop, "evt_silent") == 0


@pytest.mark.parametrize(
    ("kind", "about"),
    [
        ("invoice.paid", {"id": "in_1"}),
        ("checkout.session.completed", {"id": "cs_unknown", "payment_status": "paid", "amount_total": 5}),
        ("checkout.session.completed", {"id": "cs_x", "metadata": {"source": "enlarger", "job_id": "no uuid"}}),
        (
            "payment_intent.succeeded",
            {"id": "pi_x", "metadata": {"source": "enlarger", "job_id": "0193b1d0-0000-7000-8000-000000000000"}},
        ),
    ],
)
def test_what_is_not_ours_is_ignored(shop: Shop, kind: str, about: dict[str, Any]) -> None:
    event_id = f"evt_{kind}_{about['id']}"
    assert _send(shop, event(kind, event_id, about)) == (200, "ignored")
    (row,) = shop.rows("SELECT outcome, job_id FROM stripe_events WHERE event_id = %s", event_id)
    assert row == {"outcome": "ignored", "job_id": None}


def test_metadata_of_another_program_is_not_ours(shop: Shop) -> None:
    job = shop.job(shop.ordered())
    metadata = {"source": "other", "job_id": str(job["job_id"])}
    body = completed(job, "evt_other", id="cs_other", metadata=metadata)
    assert _send(shop, body) == (200, "ignored")


@pytest.mark.parametrize("path", [HOOK, HOOK.rstrip("/")])
def test_only_json_by_post_and_not_too_much(shop: Shop, path: str) -> None:
    assert shop.post(path, data={"a": "b"}).status_code == 415
    assert shop.post(path, data=b"{}", headers={"Content-Type": "application/json"}).status_code == 400
    assert shop.post(path, data=b" " * 1_000_001, headers=signed(b"")).status_code == 413
    got = shop.get(path)
    assert (got.status_code, got.headers["Allow"], got.json()["data"]) == (405, "POST", {"status": 405})
