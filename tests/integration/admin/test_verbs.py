"""Every verb on every stage, and twice: it does what it says, or refuses with a sentence."""

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import BytesIO
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY

from common.admin import (
    Complete,
    Decision,
    Email,
    Extend,
    Fail,
    Hold,
    Refund,
    RefusedError,
    Release,
    Resend,
    Retry,
    Wake,
    crowds,
)
from common.admin.desk import Verb
from common.events import PaymentCompleted
from tests.integration.admin.office import ANNA, PLACES, Office

MOVES = "enlarger_stage_moves_total"
VERBS: dict[str, Callable[[], Verb]] = {
    "retry": Retry,
    "extend": Extend,
    "resend": Resend,
    "email": lambda: Email("mia@new.example"),
    "fail": Fail,
    "hold": Hold,
    "release": Release,
    "wake": Wake,
    "complete": lambda: Complete(BytesIO(b"a picture")),
    "refund": Refund,
}
# For each verb where it is carried out, and to which stage that leads ("=": where the order is).
ALLOWED: dict[str, dict[str, str]] = {
    "retry": dict.fromkeys(
        ["submit", "fetch", "refund", "announce", "remind", "keep", "removed", "refunded"], "="
    ),
    "extend": dict.fromkeys(["announce", "remind", "keep"], "announce"),
    "resend": dict.fromkeys(["announce", "remind", "keep", "refunded"], "announce"),
    "email": dict.fromkeys(PLACES, "=") | dict.fromkeys(["announce", "remind", "keep", "refunded"], "announce"),
    "fail": dict.fromkeys(["submit", "watch", "fetch"], "refund"),
    "hold": dict.fromkeys([p for p in PLACES if p not in {"removed", "refunded", "abandoned"}], "="),
    "release": {},
    "refund": dict.fromkeys([p for p in PLACES if p not in {"checkout", "refunded", "abandoned"}], "refund"),
    "wake": dict.fromkeys([p for p in PLACES if p not in {"removed", "refunded", "abandoned"}], "="),
    "complete": dict.fromkeys([p for p in PLACES if p not in {"checkout", "refund_open", "abandoned"}], "fetch"),
}  # fmt: skip
CASES = [(verb, place) for verb in VERBS for place in PLACES]


@pytest.mark.parametrize(("name", "place"), CASES)
def test_a_verb_is_carried_out_where_it_may_and_refused_with_a_sentence_elsewhere(
    office: Office, name: str, place: str
) -> None:
    job_id = office.an_order(place)
    before = office.job(job_id)
    if place not in ALLOWED[name]:
        with pytest.raises(RefusedError, match=r"^[A-Z].+\.$"):
            office.act(VERBS[name](), job_id)
        assert office.job(job_id) | {"due": None} == before | {"due": None}
        assert office.audit(job_id) == []
        return
    done = office.act(VERBS[name](), job_id)
    expected = ALLOWED[name][place]
    assert office.job(job_id)["stage"] == (before["stage"] if expected == "=" else expected)
    assert done.told.endswith(".")
    assert office.audit(job_id) == [("anna", name, "the customer asked")]


@pytest.mark.parametrize(("name", "place"), [(name, place) for name, places in ALLOWED.items() for place in places])
def test_the_same_request_twice_is_decided_once(office: Office, name: str, place: str) -> None:
    job_id = office.an_order(place)
    by = Decision("anna", "because", request_id=str(uuid4()))
    first = office.act(VERBS[name](), job_id, by)
    before = office.job(job_id)
    again = office.act(VERBS[name](), job_id, by)
    assert (again.repeated, again.told) == (True, first.told)
    assert office.job(job_id)["version"] == before["version"]
    assert len(office.audit(job_id)) == 1


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_twice_leaves_the_order_whole(office: Office, name: str) -> None:
    """Without a request id the second is a second decision: carried out or refused, the row stays one that ends."""
    job_id = office.an_order("fetch" if name in {"fail", "hold", "retry", "wake", "complete"} else "keep")
    for _ in range(2):
        with contextlib.suppress(RefusedError):
            office.act(VERBS[name](), job_id)
    job = office.job(job_id)
    assert job["settled_at"] or job["wake_at"]


def test_a_decision_that_moves_an_order_counts_as_a_move_once(office: Office) -> None:
    job_id = office.an_order("fetch")
    before = REGISTRY.get_sample_value(MOVES, {"stage": "fetch", "to": "refund"}) or 0
    by = Decision("anna", "because", request_id=str(uuid4()))
    for _ in range(2):
        office.act(Fail(), job_id, by)
    assert REGISTRY.get_sample_value(MOVES, {"stage": "fetch", "to": "refund"}) == before + 1


def test_a_retry_is_the_message_that_anybody_may_publish(office: Office) -> None:
    job_id = office.an_order("keep")
    office.act(Retry(), job_id)
    [said] = office.said
    assert isinstance(said, PaymentCompleted)
    assert (said.job_id, said.admin_override) == (job_id, True)
    assert said.request_id


def test_a_second_retry_waits_for_the_first_unless_it_is_forced(office: Office) -> None:
    job_id = office.an_order("keep")
    office.act(Retry(), job_id)
    with pytest.raises(RefusedError, match="on its way"):
        office.act(Retry(), job_id)
    office.act(Retry(force=True), job_id)
    assert len(office.said) == 2


def test_a_retry_that_the_broker_did_not_take_is_not_on_its_way(office: Office) -> None:
    job_id = office.an_order("keep")
    office.broker_up = False
    with pytest.raises(RefusedError, match="nothing was done"):
        office.act(Retry(), job_id)
    office.broker_up = True
    office.act(Retry(), job_id)
    assert len(office.said) == 1


def test_twenty_retries_at_once_are_one(office: Office) -> None:
    job_id = office.an_order("keep")

    def retry(_: int) -> bool:
        try:
            office.act(Retry(), job_id)
        except RefusedError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(retry, range(20))) == 1
    assert len(office.said) == 1


@pytest.mark.parametrize("cents", [None, 50])
def test_twenty_refunds_at_once_are_one(office: Office, cents: int | None) -> None:
    job_id = office.an_order("keep")
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: office.act(Refund(cents), job_id).told, range(20)))
    assert sum("go back to the customer" in words for words in told) == 1
    [refund] = office.rows("SELECT amount_cents, state FROM refunds WHERE job_id = %s", job_id)
    assert refund == {"amount_cents": cents or 192, "state": "claimed"}


def test_more_than_was_paid_is_not_refunded(office: Office) -> None:
    with pytest.raises(RefusedError, match="193 cents cannot be refunded: 192 of 192"):
        office.act(Refund(193), office.an_order("keep"))


def test_a_ticket_is_as_good_as_the_id(office: Office) -> None:
    job_id = office.an_order("watch")
    ticket = str(office.job(job_id)["ticket"])
    assert office.act(Wake(), ticket).job_id == job_id
    for key in ("tk_" + "0" * 32, "nothing", str(uuid4())):
        with pytest.raises(RefusedError, match="No order has"):
            office.act(Wake(), key)


def test_a_renewed_link_has_a_new_generation_and_ends_the_old_one(office: Office) -> None:
    job_id = office.an_order("keep")
    office.act(Extend(), job_id)
    found = office.rows("SELECT generation, revoked_at IS NULL AS live FROM links WHERE job_id = %s ORDER BY 1", job_id)
    assert found == [{"generation": 1, "live": False}, {"generation": 2, "live": True}]
    assert office.job(job_id)["due"]


def test_a_mail_that_was_sent_gets_a_row_of_the_next_number(office: Office) -> None:
    job_id = office.an_order("remind")
    office.act(Resend(), job_id)
    rows = office.rows("SELECT number, state FROM mails WHERE job_id = %s ORDER BY number", job_id)
    assert rows == [{"number": 1, "state": "sent"}, {"number": 2, "state": "waiting"}]
    office.act(Resend(), job_id)  # that one is still to be sent
    assert len(office.rows("SELECT 1 FROM mails WHERE job_id = %s", job_id)) == 2


def test_a_corrected_address_is_kept_and_told_only_masked(office: Office) -> None:
    job_id = office.an_order("keep")
    told = office.act(Email("mia@new.example"), job_id).told
    assert office.job(job_id)["email"] == "mia@new.example"
    records = str(
        office.rows(
            "SELECT detail FROM audit WHERE job_id = %s UNION ALL SELECT detail FROM job_events WHERE job_id = %s",
            job_id,
            job_id,
        )
    )
    assert "mia@new.example" not in told + records
    assert "m…@new.example" in told


def test_a_held_order_is_reviewed_when_asked_and_released_with_a_new_promise(office: Office) -> None:
    job_id = office.an_order("submit")
    office.rows("UPDATE jobs SET promise_at = now() + interval '10 days' WHERE job_id = %s", job_id)
    review = datetime.now(UTC) + timedelta(days=2)
    office.act(Hold(review), job_id, Decision("anna", "the bank called"))
    held = office.job(job_id)
    assert (held["hold_reason"], abs(held["review_at"] - review) < timedelta(seconds=5)) == ("the bank called", True)
    assert held["wake_at"] == held["review_at"]
    with pytest.raises(RefusedError, match="held: release"):
        office.act(Wake(), job_id)
    office.act(Release(promise_hours=2), job_id)
    job = office.job(job_id)
    assert (job["hold_reason"], job["review_at"], job["due"]) == (None, None, True)
    assert timedelta(hours=1.9) < job["promise_at"] - datetime.now(UTC) < timedelta(hours=2.1)


@pytest.mark.parametrize("days", [-1, 0, 91])
def test_a_review_lies_ahead_and_not_too_far(office: Office, days: int) -> None:
    job_id = office.an_order("submit")
    with pytest.raises(RefusedError, match="90 days"):
        office.act(Hold(datetime.now(UTC) + timedelta(days=days)), job_id)


def test_a_hold_needs_its_reason(office: Office) -> None:
    with pytest.raises(RefusedError, match="reason"):
        office.act(Hold(), office.an_order("submit"), Decision("anna"))


def test_a_decision_closes_the_attention_that_it_is_about(office: Office) -> None:
    job_id = office.an_order("keep")
    for reason in ("mail_rejected", "refund_failed"):
        office.rows("INSERT INTO attention (job_id, reason) VALUES (%s, %s)", job_id, reason)
    office.act(Email("mia@new.example"), job_id)
    unsettled = "SELECT reason FROM attention WHERE closed_at IS NULL AND job_id = %s"
    assert office.rows(unsettled, job_id) == [{"reason": "refund_failed"}]
    office.act(Retry(), job_id)
    assert office.rows(unsettled, job_id) == []


def test_one_request_id_is_for_one_verb_on_one_order(office: Office) -> None:
    by = Decision("anna", "because", request_id=str(uuid4()))
    office.act(Wake(), office.an_order("keep"), by)
    with pytest.raises(RefusedError, match="used before"):
        office.act(Wake(), office.an_order("keep"), by)


def test_a_picture_handed_in_is_stored_before_anything_is_decided(office: Office) -> None:
    job_id = office.an_order("watch")
    office.act(Complete(BytesIO(b"a picture")), job_id, ANNA)
    [attempt] = office.rows("SELECT * FROM attempts WHERE job_id = %s AND attempt = 2", job_id)
    assert (attempt["state"], attempt["result_url"], attempt["credits"]) == ("succeeded", "handed-in:", 0)
    assert b"".join(office.storage.read(f"results/{job_id}/2.0").chunks) == b"a picture"
    assert office.rows("SELECT file_key FROM deliveries WHERE job_id = %s", job_id) == [
        {"file_key": f"results/{job_id}/2.0"}
    ]


def test_what_a_rule_held_is_released_together_with_an_audit_row(office: Office) -> None:
    ids = [office.an_order("submit") for _ in range(3)]
    office.rows("UPDATE jobs SET hold_reason = 'a rule', review_at = now() WHERE job_id = ANY(%s)", ids)
    assert crowds.held_for(office.desk, "a rule") == 3
    assert sum(crowds.release_all(office.desk, "a rule", ANNA)) == 3
    assert [office.job(job_id)["hold_reason"] for job_id in ids] == [None] * 3
    [entry] = office.rows("SELECT actor, why FROM audit WHERE detail->>'held_for' = 'a rule'")
    assert entry == {"actor": "anna", "why": "the customer asked"}
    with pytest.raises(RefusedError, match="No order is held for 'a rule'"):
        crowds.held_for(office.desk, "a rule")
