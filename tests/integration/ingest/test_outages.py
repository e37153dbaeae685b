"""A server away: what is promised then, and that nothing is lost."""

import re
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from local.broker import Broker
from local.database import Database
from tests.infrastructure import fresh_database
from tests.integration.ingest.shop import API, Shop, completed, open_shop, signed
from tests.integration.sandbox.standin import until

HOOK = "/smi-webhook/stripe/"
UNPUBLISHED = r'(?m)^enlarger_unpublished_total\{event="payment\.completed"\} [1-9]'


@pytest.fixture
def shop(broker: Broker, database: Database, tmp_path: Path) -> Iterator[Shop]:
    """One of its own, since these tests break what it stands on."""
    name = f"outage-{secrets.token_hex(4)}"
    amqp_url, database_url = broker.create_vhost(name), fresh_database(database, name)
    with open_shop(database_url, amqp_url, tmp_path) as opened:
        yield opened
    database.dropdb(name)
    broker.retire_vhost(name)


def _refused(answer: requests.Response) -> None:
    assert (answer.status_code, answer.json()["data"]) == (503, {"status": 503})
    assert int(answer.headers["Retry-After"]) > 0


def test_without_the_database_stripe_is_asked_to_come_again(shop: Shop, database: Database) -> None:
    ticket = shop.ordered()
    body = completed(shop.job(ticket), "evt_outage")
    database.stop()
    try:
        _refused(shop.post(HOOK, data=body, headers=signed(body)))
        _refused(shop.get(f"{API}/job-status/{ticket}"))
        assert shop.get("/readyz").status_code == 503
        assert shop.get("/healthz").status_code == 200
        assert shop.get(f"/jobs/{ticket}").status_code == 503
    finally:
        database.start()
    until(lambda: shop.get("/readyz").status_code == 200)
    assert shop.post(HOOK, data=body, headers=signed(body)).json() == {"outcome": "applied"}
    assert shop.job(ticket)["stage"] == "submit"


def test_without_the_broker_a_payment_is_taken_at_once(shop: Shop, broker: Broker) -> None:
    ticket = shop.ordered()
    body = completed(shop.job(ticket), "evt_broker")
    broker.kill()
    try:
        until(lambda: shop.get("/readyz").json()["broker"] is False)
        began = time.monotonic()
        answer = shop.post(HOOK, data=body, headers=signed(body))
        assert time.monotonic() - began < 10, "it waited for the broker's confirm"
        assert answer.json() == {"outcome": "applied"}
        assert shop.get("/readyz").status_code == 200
    finally:
        broker.start()
    job = shop.job(ticket)
    assert (job["stage"], job["wake_at"] is not None) == ("submit", True)
    until(lambda: re.search(UNPUBLISHED, shop.numbers()))


def test_without_wordpress_known_pictures_are_sold(shop: Shop) -> None:
    shop.ordered()
    shop.rows("UPDATE pictures SET fetched_at = now() - interval '2 h'")
    shop.wordpress.stop()
    assert shop.checkout()["success"] is True
    answer = shop.post(f"{API}/calculate-all-prices", data={"attachment_id": 103, "post_id": 7})
    assert (answer.status_code, answer.json()["code"]) == (503, "shop_unreachable")


def test_a_request_under_way_is_answered_before_the_end(shop: Shop) -> None:
    shop.stripe.arm("slow", seconds=1, match="/v1/checkout/sessions")
    form = {"attachment_id": 101, "post_id": 7, "resolution": "4x"}
    session = requests.Session()
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(session.post, f"{shop.url}{API}/create-checkout", data=form, timeout=20)
        until(lambda: shop.rows("SELECT 1 FROM jobs"))
        assert shop.stop() == 0
        assert answer.result().status_code == 200
    shop.start()
