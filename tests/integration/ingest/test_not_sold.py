"""What could not be delivered in time is not sold, and the customer is told so in words."""

from collections.abc import Iterator
from contextlib import contextmanager

import requests

from tests.integration.ingest.shop import API, DANDELIONS, Shop
from tests.integration.sandbox.standin import until


def ask(shop: Shop, language: str = "en") -> requests.Response:
    form = {"attachment_id": DANDELIONS, "post_id": 7, "resolution": "4x"}
    return shop.post(f"{API}/create-checkout", data=form, headers={"Accept-Language": language})


@contextmanager
def the_provider_is_away(shop: Shop) -> Iterator[None]:
    """The breaker is open for all replicas; in the end ingest sells again."""
    shop.rows("UPDATE breakers SET state = 'open', opened_at = now(), until = now() + interval '1 hour'")
    try:
        until(lambda: ask(shop).status_code == 503)
        yield
    finally:
        shop.rows("UPDATE breakers SET state = 'closed', failures = 0, opened_at = NULL")
        until(lambda: ask(shop).status_code == 200)


def test_while_the_breaker_is_open_nothing_is_sold_and_nothing_is_left_behind(shop: Shop) -> None:
    with the_provider_is_away(shop):
        [before] = shop.rows("SELECT count(*) FROM jobs")
        answer, german = ask(shop), ask(shop, "de")
        [after] = shop.rows("SELECT count(*) FROM jobs")

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "300"
    body = answer.json()
    assert (body["code"], body["data"]) == ("not_deliverable_in_time", {"status": 503})
    assert "Nothing was charged" in body["message"]
    assert "nichts abgebucht" in german.json()["message"]
    assert before == after


def test_prices_are_told_even_then(shop: Shop) -> None:
    with the_provider_is_away(shop):
        prices = shop.post(f"{API}/calculate-all-prices", data={"attachment_id": DANDELIONS, "post_id": 7})
    assert prices.status_code == 200
