"""The admin's API: the verbs over HTTP, for who has the token."""

from typing import Any

import pytest
import requests
from PIL import Image

from services.ingest.web.tokens import FAILURES, Guesses
from tests.integration.ingest.finished import deliver
from tests.integration.ingest.shop import ADMIN_TOKEN, Shop
from tests.integration.sandbox.standin import until

BEARER = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
ANNA = BEARER | {"X-Admin-Actor": "anna"}


def _act(shop: Shop, key: str, verb: str, body: dict[str, Any] | None = None, **headers: str) -> requests.Response:
    return shop.post(f"/admin/api/jobs/{key}/{verb}", json=body, headers=ANNA | headers)


def test_a_verb_answers_what_was_done_and_leaves_a_record(shop: Shop) -> None:
    ticket = shop.paid()
    answer = _act(shop, ticket, "hold", {"reason": "the bank called"})
    job = shop.job(ticket)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "success": True, "job_id": str(job["job_id"]), "ticket": ticket, "verb": "hold", "repeated": False,
        "message": answer.json()["message"],
    }  # fmt: skip
    assert job["hold_reason"] == "the bank called"
    [entry] = shop.rows("SELECT actor, verb, why FROM audit WHERE job_id = %s", job["job_id"])
    assert entry == {"actor": "anna", "verb": "hold", "why": "the bank called"}
    assert "held" in shop.kinds(ticket)


def test_what_the_state_forbids_is_a_sentence_in_the_one_shape(shop: Shop) -> None:
    answer = _act(shop, shop.ordered(), "fail")
    assert answer.status_code == 409
    assert answer.json() == {
        "code": "state_forbids",
        "message": "The order is not paid: there is nothing to give back, and it ends by itself.",
        "data": {"status": 409},
    }


def test_an_unknown_order(shop: Shop) -> None:
    assert _act(shop, "tk_" + "0" * 32, "wake").status_code == 404


def test_a_repeat_with_the_same_key_is_the_same_decision(shop: Shop) -> None:
    ticket = shop.paid()
    answers = [_act(shop, ticket, "wake", None, **{"Idempotency-Key": f"k-{ticket}"}).json() for _ in range(2)]
    assert [a["repeated"] for a in answers] == [False, True]
    assert answers[0]["message"] == answers[1]["message"]


def test_a_retry_publishes_the_override(shop: Shop) -> None:
    ticket = shop.paid()
    deliver(shop, ticket)
    shop.messages("submitter.payment.completed")
    assert _act(shop, ticket, "retry", {"reason": "it looks soft"}).status_code == 200
    [message] = shop.messages("submitter.payment.completed")
    data = message["data"]
    assert (data["job_id"], data["admin_override"]) == (str(shop.job(ticket)["job_id"]), True)
    assert data["request_id"]


def test_a_corrected_address(shop: Shop) -> None:
    ticket = shop.paid()
    deliver(shop, ticket)
    assert _act(shop, ticket, "email", {"address": "no address"}).status_code == 400
    assert _act(shop, ticket, "email", {"address": "mia@new.example"}).status_code == 200
    assert shop.job(ticket)["email"] == "mia@new.example"


def test_a_new_link_works_and_the_old_one_is_over(shop: Shop) -> None:
    ticket = shop.paid()
    done = deliver(shop, ticket)
    assert shop.get(done.path).status_code == 200
    assert _act(shop, ticket, "extend").status_code == 200
    assert shop.get(done.path).status_code == 410
    fresh = shop.status(ticket)["download_url"]
    assert shop.get(fresh.removeprefix(shop.url)).status_code == 200


@pytest.mark.parametrize("way", ["file", "url"])
def test_a_picture_is_handed_in(shop: Shop, way: str, tmp_path: Any) -> None:
    ticket = shop.paid()
    picture = tmp_path / "big.png"
    Image.new("RGB", (1804, 1200)).save(picture)
    data: dict[str, Any] = {"reason": "made by hand"}
    files = None
    if way == "file":
        files = {"file": picture.read_bytes()}
    else:
        data["url"] = f"{shop.wordpress.url}/photos/raccoon.jpg"
    answer = shop.post(f"/admin/api/jobs/{ticket}/complete", headers=ANNA, data=data, files=files)
    assert answer.status_code == 200, answer.text
    job = shop.job(ticket)
    assert (job["stage"], job["attempt"]) == ("fetch", 1)
    stored = shop.storage / "results" / str(job["job_id"]) / "1.0"
    if way == "file":
        assert stored.read_bytes() == picture.read_bytes()
    assert stored.stat().st_size


@pytest.mark.parametrize("url", ["http://169.254.169.254/x.png", "https://127.0.0.1/x.png", "ftp://a/b"])
def test_a_picture_from_an_inside_address_is_not_fetched(shop: Shop, url: str) -> None:
    answer = shop.post(f"/admin/api/jobs/{shop.paid()}/complete", headers=ANNA, data={"url": url})
    assert answer.status_code in {400, 422}


def test_either_a_file_or_a_url(shop: Shop) -> None:
    assert shop.post(f"/admin/api/jobs/{shop.paid()}/complete", headers=ANNA, data={}).status_code == 400


def test_everything_is_paused_and_resumed(shop: Shop) -> None:
    paused = shop.post("/admin/api/pause", json={"what": "clock", "reason": "restored"}, headers=ANNA)
    assert paused.status_code == 200, paused.text
    assert shop.post("/admin/api/pause", json={"what": "clock"}, headers=ANNA).status_code == 409
    assert shop.post("/admin/api/pause", json={"what": "clokc"}, headers=ANNA).status_code == 404
    assert shop.rows("SELECT actor, why FROM pauses") == [{"actor": "anna", "why": "restored"}]
    assert shop.post("/admin/api/resume", headers=ANNA).json()["message"] == "Resumed: clock."
    assert shop.post("/admin/api/resume", headers=ANNA).status_code == 409


def test_a_paused_lane_takes_nothing_and_the_worker_says_so(shop: Shop) -> None:
    shop.post("/admin/api/pause", json={"what": "checkout"}, headers=ANNA)
    try:
        until(lambda: "checkout" in str(shop.rows("SELECT paused FROM workers")))
        ticket = shop.ordered()
        shop.publish("checkout.check", {"job_id": str(shop.job(ticket)["job_id"])})
        until(lambda: shop.depth("ingest.checkout.check") == 1)
    finally:
        shop.post("/admin/api/resume", headers=ANNA)
    until(lambda: shop.depth("ingest.checkout.check") == 0)


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer x"}, {"Authorization": ADMIN_TOKEN}])
def test_only_with_the_token(shop: Shop, header: dict[str, str]) -> None:
    answer = shop.post(f"/admin/api/jobs/{shop.ordered()}/wake", headers=header)
    assert answer.status_code == 401
    assert answer.json()["data"] == {"status": 401}


def test_a_stranger_may_not_even_send_a_picture(shop: Shop) -> None:
    """The body is not read before the token is known."""
    answer = shop.post("/admin/api/jobs/x/complete", data=iter([b"x" * 100]), headers={"Content-Type": "multipart/x"})
    assert answer.status_code == 401


def test_who_guesses_is_not_listened_to_for_a_while() -> None:
    guesses = Guesses()
    for _ in range(FAILURES):
        assert guesses.wait_s("203.0.113.9") == 0
        guesses.wrong("203.0.113.9")
    assert 0 < guesses.wait_s("203.0.113.9") <= 60
    assert guesses.wait_s("203.0.113.10") == 0


def test_the_routes_are_documented_with_examples(shop: Shop) -> None:
    paths = shop.get("/openapi.json").json()["paths"]
    routes = [path for path in paths if path.startswith("/admin/api")]
    verbs = {path.rsplit("/", 1)[1] for path in routes}
    assert {"retry", "extend", "resend", "email", "fail", "complete", "hold", "release", "wake"} <= verbs
    assert {"pause", "resume"} <= verbs
    assert all("409" in paths[path]["post"]["responses"] for path in routes)
