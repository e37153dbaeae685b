"""The provider's webhook: a hint for a signed address, nothing for anyone else."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.integration.ingest.shop import Shop, provider_hook
from tests.integration.sandbox.standin import until

CHECKS = "poller.upscale.check"


def _submitted(shop: Shop, state: str = "claimed") -> UUID:
    """A paid order with an attempt in this state, as the submitter leaves it."""
    job_id: UUID = shop.job(shop.paid())["job_id"]
    shop.rows("INSERT INTO attempts (job_id, attempt, state, claimed_until) VALUES (%s, 1, %s, now())", job_id, state)
    return job_id


def _attempt(shop: Shop, job_id: UUID) -> dict[str, Any]:
    statement = "SELECT state, provider_id, result_url, hinted_at, ended_at FROM attempts WHERE job_id = %s"
    return shop.rows(statement, job_id)[0]


def _tell(shop: Shop, path: str, body: Any) -> int:
    return shop.post(path, json=body).status_code


@pytest.mark.parametrize("name", ["id", "job_id"])
@pytest.mark.parametrize("state", ["claimed", "unknown"])
def test_a_hint_brings_the_lacking_id_and_a_look(shop: Shop, state: str, name: str) -> None:
    job_id = _submitted(shop, state)
    shop.messages(CHECKS)
    provider_id = f"up_{job_id}"
    body = {name: provider_id, "status": "SUCCESS", "imageUrl": "https://evil.example/x.png"}
    assert _tell(shop, provider_hook(job_id, 1), body) == 200
    row = _attempt(shop, job_id)
    assert (row["provider_id"], row["state"], row["result_url"], row["ended_at"]) == (provider_id, state, None, None)
    assert row["hinted_at"] is not None
    until(lambda: shop.depth(CHECKS))
    assert [m["data"] for m in shop.messages(CHECKS)] == [{"job_id": str(job_id), "attempt": 1}]


def test_an_order_is_one_trace_from_its_request_to_the_providers_hint(shop: Shop) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    form = {"attachment_id": 105, "post_id": 1, "resolution": "4x", "email": "kim@example.org"}
    headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    ticket = shop.post("/wp-json/smi/v1/create-checkout", data=form, headers=headers).json()["job_id"]
    job = shop.job(ticket)
    shop.rows(
        "INSERT INTO attempts (job_id, attempt, state, claimed_until) VALUES (%s, 1, 'open', now())", job["job_id"]
    )
    shop.messages(CHECKS)
    assert _tell(shop, provider_hook(job["job_id"], 1), {"id": "up_1"}) == 200
    until(lambda: shop.depth(CHECKS))
    assert job["traceparent"][3:35] == trace
    calls = [c for c in shop.stripe.get("/sandbox/ledger")["calls"] if c["key"] == f"checkout:{job['job_id']}"]
    assert [call["traceparent"][3:35] for call in calls] == [trace]
    assert [m["traceparent"] for m in shop.messages(CHECKS)] == [job["traceparent"]]


def test_a_known_id_is_not_replaced(shop: Shop) -> None:
    job_id = _submitted(shop, "open")
    shop.rows("UPDATE attempts SET provider_id = %s WHERE job_id = %s", f"known_{job_id}", job_id)
    assert _tell(shop, provider_hook(job_id, 1), {"id": "another"}) == 200
    assert _attempt(shop, job_id)["provider_id"] == f"known_{job_id}"


@pytest.mark.parametrize("told", [7, "", "x" * 201, None, {"a": 1}, "a\nb"])
def test_an_id_that_is_no_plain_text_is_not_taken(shop: Shop, told: Any) -> None:
    job_id = _submitted(shop)
    assert _tell(shop, provider_hook(job_id, 1), {"id": told}) == 200
    assert _attempt(shop, job_id)["provider_id"] is None


def test_the_id_of_another_attempt_is_not_taken(shop: Shop) -> None:
    first, second = _submitted(shop), _submitted(shop)
    _tell(shop, provider_hook(first, 1), {"id": f"taken_{first}"})
    assert _tell(shop, provider_hook(second, 1), {"id": f"taken_{first}"}) == 200
    assert _attempt(shop, second)["provider_id"] is None


def test_a_submission_that_was_given_up_as_lost_runs_again_once_the_provider_speaks_of_it(shop: Shop) -> None:
    job_id = _submitted(shop, "unknown")
    shop.rows("UPDATE attempts SET ended_at = now(), error = 'never heard of again' WHERE job_id = %s", job_id)
    shop.messages(CHECKS)
    assert _tell(shop, provider_hook(job_id, 1), {"id": f"late_{job_id}"}) == 200
    row = _attempt(shop, job_id)
    assert (row["state"], row["provider_id"], row["ended_at"]) == ("open", f"late_{job_id}", None)
    until(lambda: shop.depth(CHECKS))


def test_a_forged_one_changes_nothing(shop: Shop) -> None:
    job_id = _submitted(shop)
    before, _ = _attempt(shop, job_id), shop.messages(CHECKS)
    good = provider_hook(job_id, 1)
    for path in (
        provider_hook(job_id, 1, sig="0" * 64),
        provider_hook(job_id, 1, sig=""),
        good.replace("attempt=1", "attempt=2"),
        good.replace("attempt=1", "attempt=01"),
        good.replace(str(job_id), str(uuid4())),
        "/smi-webhook/upsampler/",
    ):
        assert _tell(shop, path, {"id": "forged", "status": "SUCCESS"}) == 401
    assert _attempt(shop, job_id) == before
    assert shop.depth(CHECKS) == 0


def test_an_attempt_that_has_ended_is_left_alone(shop: Shop) -> None:
    job_id = _submitted(shop, "failed")
    shop.rows("UPDATE attempts SET ended_at = now() WHERE job_id = %s", job_id)
    shop.messages(CHECKS)
    assert _tell(shop, provider_hook(job_id, 1), {"id": "late"}) == 200
    assert shop.depth(CHECKS) == 0


def test_only_json_objects_by_post(shop: Shop) -> None:
    job_id = _submitted(shop)
    path = provider_hook(job_id, 1)
    assert shop.post(path, data="id=1").status_code == 415
    assert shop.post(path.replace("/?", "?"), json=[1]).status_code == 400
    assert shop.post(path, json={"id": "x" * 1_000_001}).status_code == 413
    assert shop.get(path).status_code == 405
