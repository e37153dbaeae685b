"""Every fault of the provider's stand-in bites, once, where it was aimed, and stands in the ledger."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from PIL import ImageChops, ImageStat

from tests.integration.sandbox.provider import KEY, Customer
from tests.integration.sandbox.standin import (
    Site,
    StandIn,
    decoded,
    free_port,
    running,
    site,
    until,
)


@pytest.fixture(scope="module")
def provider() -> Iterator[StandIn]:
    port = free_port()
    settings = {"SANDBOX_UPSAMPLER_PORT": str(port), "UPSAMPLER_API_KEY": KEY}
    with running("sandbox.upsampler", port, settings | {"SANDBOX_UPSAMPLER_SECONDS": "0.1"}) as stand_in:
        yield stand_in


@pytest.fixture(scope="module")
def shop() -> Iterator[Site]:
    with site() as customers_site:
        yield customers_site


@pytest.fixture
def customer(provider: StandIn, shop: Site) -> Iterator[Customer]:
    yield Customer.new(provider, shop)
    provider.disarm()


def arm(customer: Customer, fault: str, **fields: Any) -> None:
    customer.provider.arm(fault, match=customer.tag, **fields)


def downloaded(url: str) -> requests.Response:
    return requests.get(url, timeout=10, allow_redirects=False)


REFUSED = {"http_400": 400, "http_401": 401, "http_402": 402, "http_429": 429, "http_500": 500, "http_503": 503}


@pytest.mark.parametrize(("fault", "status"), REFUSED.items())
def test_a_refused_submission_is_refused_once_and_is_no_job(customer: Customer, fault: str, status: int) -> None:
    arm(customer, fault, seconds=7)
    answer = customer.submit()
    assert (answer.status_code, set(answer.json())) == (status, {"error"})
    assert answer.headers.get("Retry-After") == ("7" if status == 429 else None)
    assert customer.ledger("submissions") == []
    assert [(line["status"], line["fault"]) for line in customer.ledger("refusals")] == [(status, fault)]
    assert customer.submit().status_code == 200


def test_a_refused_connection_is_no_job(customer: Customer) -> None:
    arm(customer, "refuse")
    with pytest.raises(requests.ConnectionError):
        customer.submit()
    assert customer.ledger("submissions") == []
    assert [line["status"] for line in customer.ledger("refusals")] == [None]


def test_a_lost_answer_is_a_job_with_a_webhook(customer: Customer) -> None:
    arm(customer, "answer_lost")
    with pytest.raises(requests.ConnectionError):
        customer.submit()
    until(lambda: customer.hooked)
    assert (customer.job["answer"], customer.job["state"]) == ("lost", "done")


def test_a_hanging_answer_is_a_job_whose_answer_was_lost(customer: Customer) -> None:
    arm(customer, "hang", seconds=60)
    with pytest.raises(requests.Timeout):
        customer.submit(timeout_s=0.5)
    until(lambda: [job["answer"] for job in customer.ledger("submissions")] == ["lost"])
    until(lambda: customer.hooked)


def test_a_patient_client_gets_the_hanging_answer_at_last(customer: Customer) -> None:
    arm(customer, "hang", seconds=0.5)
    started = time.monotonic()
    assert customer.submit().status_code == 200
    assert time.monotonic() - started >= 0.5
    assert customer.job["answer"] == "delivered"


def test_a_garbled_answer_is_a_job(customer: Customer) -> None:
    arm(customer, "garbage")
    answer = customer.submit()
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert customer.job["answer"] == "garbled"


def test_a_submission_may_fail_at_once_and_its_webhook_comes_too(customer: Customer) -> None:
    arm(customer, "failed_at_once")
    answer = customer.submit()
    assert (answer.status_code, answer.json()["status"], answer.json()["creditCost"]) == (200, "FAILED", 0)
    assert until(lambda: customer.hooked)[0]["status"] == "FAILED"


def test_the_webhook_may_come_before_the_answer(customer: Customer) -> None:
    arm(customer, "webhook_early")
    answer = customer.submit().json()
    assert [(body["id"], body["status"]) for body in customer.hooked] == [(answer["id"], "SUCCESS")]


@pytest.mark.parametrize("dialect", ["live", "documented"])
def test_work_may_fail(customer: Customer, dialect: str) -> None:
    arm(customer, "failed", error="too blue")
    status = customer.bought(getattr(customer, dialect)())
    assert (status["status"].lower(), status["error"]) == ("failed", "too blue")
    assert until(lambda: customer.hooked)[0]["error"] == "too blue"
    assert customer.job["credits"] == 0


def test_work_may_be_slow_or_stuck(customer: Customer) -> None:
    arm(customer, "slow", seconds=2)
    arm(customer, "stuck")
    slow, stuck = customer.order(), customer.order()
    until(lambda: all(job["faults"] for job in customer.ledger("submissions")))
    assert {customer.status(job).json()["status"] for job in (slow, stuck)} == {"IN_PROGRESS"}
    states = {job["id"]: job for job in customer.ledger("submissions")}
    by_fault = {job["faults"][0]: job["id"] for job in states.values()}
    assert customer.ended(by_fault["slow"])["status"] == "SUCCESS"
    assert customer.status(by_fault["stuck"]).json()["status"] == "IN_PROGRESS"


def test_work_may_fail_and_then_be_done_after_all(customer: Customer) -> None:
    arm(customer, "failed_then_done", seconds=0.3)
    assert customer.bought()["status"] == "FAILED"
    until(lambda: len(customer.hooked) == 2)
    assert [body["status"] for body in customer.hooked] == ["FAILED", "SUCCESS"]
    assert [moved["state"] for moved in customer.job["states"]] == ["queued", "working", "failed", "done"]
    assert customer.job["credits"] == 1


def test_a_webhook_may_be_lost(customer: Customer) -> None:
    arm(customer, "webhook_lost")
    customer.bought()
    (line,) = until(lambda: customer.ledger("webhooks"))
    assert (line["kind"], line["status"]) == ("lost", None)
    assert customer.hooked == []


def test_a_webhook_may_come_five_times(customer: Customer) -> None:
    arm(customer, "webhook_duplicate")
    customer.bought()
    until(lambda: len(customer.ledger("webhooks")) == 5)
    assert len(customer.hooked) == 5
    assert len({str(body) for body in customer.hooked}) == 1


def test_forged_webhooks_come_while_the_job_runs_and_the_genuine_one_after(customer: Customer) -> None:
    arm(customer, "webhook_forged")
    customer.bought()
    until(lambda: len(customer.ledger("webhooks")) == 3)
    token, result, genuine = customer.ledger("webhooks")
    assert [line["kind"] for line in (token, result, genuine)] == ["forged_token", "forged_result", "genuine"]
    assert token["url"] != result["url"] == genuine["url"]
    assert {token["body"]["status"], result["body"]["status"]} == {"SUCCESS"}
    assert result["body"]["imageUrl"] == "http://127.0.0.1:1/foreign-result.png"
    assert genuine["body"]["imageUrl"].startswith(customer.provider.url)


@pytest.mark.parametrize(("fault", "status"), [("status_404", 404), ("status_429", 429), ("status_500", 500)])
def test_a_status_check_may_be_refused_once(customer: Customer, fault: str, status: int) -> None:
    job_id = customer.order()
    arm(customer, fault)
    answer = customer.status(job_id)
    assert (answer.status_code, "Retry-After" in answer.headers) == (status, status == 429)
    assert customer.status(job_id).status_code == 200
    first, second = customer.ledger("status_checks")
    assert (first["status"], first["fault"], second["status"]) == (status, fault, 200)


def test_a_status_check_may_hang(customer: Customer) -> None:
    job_id = customer.order()
    arm(customer, "status_hang")
    with pytest.raises(requests.Timeout):
        customer.status(job_id, timeout_s=0.5)
    until(lambda: customer.ledger("status_checks"))
    assert customer.ledger("status_checks")[0]["status"] is None


def test_a_status_may_be_a_word_that_nobody_knows(customer: Customer) -> None:
    job_id = customer.order()
    arm(customer, "status_unknown")
    assert customer.status(job_id).json()["status"] == "REVIEWING"


def test_a_result_may_be_cut_against_its_length(customer: Customer) -> None:
    url = customer.bought()["imageUrl"]
    arm(customer, "truncated")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        downloaded(url)
    whole = downloaded(url).content
    assert customer.ledger("downloads")[0]["bytes_sent"] == int(len(whole) * 0.6)
    assert customer.ledger("downloads")[0]["complete"] is False


def test_a_result_may_be_cut_so_that_http_does_not_tell(customer: Customer) -> None:
    url = customer.bought()["imageUrl"]
    arm(customer, "truncated_quiet")
    cut, whole = downloaded(url), downloaded(url)
    assert "Content-Length" not in cut.headers
    assert cut.content == whole.content[: int(len(whole.content) * 0.6)]


def test_a_result_may_be_one_column_short(customer: Customer) -> None:
    done = customer.bought()
    arm(customer, "wrong_size", count=2)
    sizes = [decoded(downloaded(done[key]).content).size for key in ("imageUrl", "compressedImageUrl")]
    assert sizes == [(48 * 4 - 1, 36 * 4)] * 2


def test_a_result_may_be_another_picture_of_the_right_size(customer: Customer) -> None:
    url = customer.bought()["imageUrl"]
    arm(customer, "wrong_picture")
    other, own = decoded(downloaded(url).content), decoded(downloaded(url).content)
    assert other.size == own.size
    assert max(ImageStat.Stat(ImageChops.difference(other.convert("RGB"), own)).mean) > 40


def test_a_result_may_be_a_page(customer: Customer) -> None:
    url = customer.bought()["imageUrl"]
    arm(customer, "not_an_image")
    answer = downloaded(url)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")


def test_a_result_may_be_missing_or_elsewhere(customer: Customer) -> None:
    url = customer.bought()["imageUrl"]
    arm(customer, "result_404")
    arm(customer, "redirect")
    missing, elsewhere = downloaded(url), downloaded(url)
    assert missing.status_code == 404
    assert (elsewhere.status_code, elsewhere.headers["Location"]) == (302, "http://127.0.0.1:1/")
    assert [line["status"] for line in customer.ledger("downloads")] == [404, 302]


def test_a_result_may_drip(customer: Customer) -> None:
    url = customer.bought()["imageUrl"]
    arm(customer, "slow_drip", seconds=1)
    started = time.monotonic()
    dripped = downloaded(url)
    assert 1 <= time.monotonic() - started < 5
    assert dripped.content == downloaded(url).content


def test_a_result_may_never_end_but_for_the_cap(customer: Customer) -> None:
    url = customer.bought()["imageUrl"]
    whole = downloaded(url).content
    arm(customer, "endless", bytes=3_000_000)
    endless = downloaded(url)
    assert "Content-Length" not in endless.headers
    assert len(endless.content) == 3_000_000
    assert endless.content.startswith(whole)


def test_a_fault_bites_nobody_but_whom_it_was_aimed_at(provider: StandIn, shop: Site, customer: Customer) -> None:
    arm(customer, "http_500")
    assert Customer.new(provider, shop).submit().status_code == 200
    assert customer.submit().status_code == 500


def test_a_standing_fault_bites_until_it_is_deleted(customer: Customer) -> None:
    arm(customer, "http_503", count=0)
    assert [customer.submit().status_code for _ in range(3)] == [503, 503, 503]
    customer.provider.disarm()
    assert customer.submit().status_code == 200


def test_a_fault_counted_twice_bites_twice_among_parallel_clients(customer: Customer) -> None:
    arm(customer, "http_500", count=2)
    statuses: list[int] = []
    clients = [threading.Thread(target=lambda: statuses.append(customer.submit().status_code)) for _ in range(6)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert sorted(statuses) == [200, 200, 200, 200, 500, 500]


def test_a_misspelt_fault_is_refused_and_the_known_ones_are_named(provider: StandIn) -> None:
    answer = requests.post(f"{provider.url}/sandbox/faults", json={"fault": "http_666"}, timeout=10)
    assert answer.status_code == 422
    assert "http_500" in answer.json()["detail"]
