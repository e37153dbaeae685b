"""The provider's limits hold over all replicas, and its outages cost nobody anything but time."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
import requests

from cli.customer import Customer, Purchase
from local.layout import program, worker_settings
from local.ports import free_port
from local.processes import Process, await_condition
from local.stack import Stack
from tests.acceptance.conftest import StartStack
from tests.acceptance.shop import CAT, QUICK, Shop

PER_MIN = 60
SPACING_S = 64 / PER_MIN


@contextmanager
def another(stack: Stack, worker: str, settings: dict[str, str]) -> Iterator[None]:
    """A second replica of a worker."""
    servers = {"AMQP_URL": stack.amqp_url, "DATABASE_URL": stack.database_url, "METRICS_PORT": str(free_port())}
    told = worker_settings(stack.folder, stack.at, stack.known) | servers | settings
    process = Process(program(worker, f"services.{worker}", told, stack.folder), stack.logs / f"{worker}-2.log")
    process.start()
    try:
        yield
    finally:
        process.terminate()


def test_two_submitters_keep_to_the_limits_that_they_share_and_nobody_starves(start_stack: StartStack) -> None:
    settings = QUICK | {
        "UPSAMPLER_MAX_IN_FLIGHT": "3",
        "UPSAMPLER_SUBMITS_PER_MIN": str(PER_MIN),
        "SANDBOX_UPSAMPLER_SECONDS": "4",
    }
    stack = start_stack(**settings)
    with ExitStack() as replicas:
        for worker in ("submitter", "poller"):
            replicas.enter_context(another(stack, worker, settings))
        shop = Shop(stack)
        purchases = [shop.buy(CAT, f"queue{number}@a.example") for number in range(16)]
        shop.wait_over(purchases, within_s=120)
    assert {shop.status(purchase)["status"] for purchase in purchases} == {"completed"}
    submissions = shop.ledger("upsampler")["submissions"]
    assert len(submissions) == len(purchases)
    assert most_at_once(submissions) <= 3
    assert most_in(submissions, 10.0) <= (10 + 4) / SPACING_S + 1
    served = [position(purchases, shop, submission) for submission in submissions]
    assert all(abs(place - number) <= 3 for number, place in enumerate(served)), served


def test_a_revoked_key_costs_nobody_an_order(start_stack: StartStack) -> None:
    stack = start_stack(**QUICK)
    shop = Shop(stack)
    shop.fault("upsampler", fault="http_401", count=0)
    purchases = [shop.buy(CAT, f"key{number}@a.example") for number in range(6)]
    await_condition(lambda: breaker(stack) > 0, 30, "the breaker to open")
    refused = len(shop.ledger("upsampler")["refusals"])
    time.sleep(4)  # the fault's length: the one thing here that is a time and no condition
    tries = len(shop.ledger("upsampler")["refusals"]) - refused
    assert tries <= 5, "while the breaker is open one order at a time tries"
    assert {shop.status(purchase)["status"] for purchase in purchases} == {"pending"}
    assert not any(shop.refunds(purchase) or shop.mails(purchase) for purchase in purchases)
    assert before_a_person(stack) == {"provider_refuses_us"}

    requests.delete(f"{stack.at.sandbox('upsampler')}/sandbox/faults", timeout=10).raise_for_status()

    shop.wait_over(purchases, within_s=120)
    assert {shop.status(purchase)["status"] for purchase in purchases} == {"completed"}
    await_condition(lambda: breaker(stack) == 0, 30, "the breaker to close")
    assert not before_a_person(stack), "who is through needs nobody any more"


def before_a_person(stack: Stack) -> set[str]:
    with psycopg.connect(stack.database_url) as connection:
        return {row[0] for row in connection.execute("SELECT reason FROM attention WHERE closed_at IS NULL")}


@pytest.mark.parametrize(("outage", "left_s"), [("gone", 8), ("hangs", 20)])
def test_a_provider_that_is_down_for_the_whole_promise_costs_us_every_order_and_none_before_its_date(
    start_stack: StartStack, outage: str, left_s: int
) -> None:
    """Where it hangs, all attempts of an order are made and unanswered long before the promise ends."""
    quicker = {"UPSAMPLER_TIMEOUT_S": "1", "SUBMIT_UNKNOWN_WAIT_S": "1", "BREAKER_AFTER": "1000"}
    hanging = quicker if outage == "hangs" else {}
    stack = start_stack(**QUICK | {"REFUNDS_PER_HOUR": "1000"} | hanging)
    shop, customer = Shop(stack), Customer(stack)
    purchases = [customer.order(CAT, "4x", f"down{number}@a.example") for number in range(8)]
    provider = stack.stand_in("upsampler")
    if outage == "gone":  # only now: soon the shop sells nothing any more
        provider.terminate()
    else:
        provider.pause()
    for purchase in purchases:
        customer.pay(purchase)
    await_condition(lambda: all(shop.status(p)["payment_status"] == "paid" for p in purchases), 20, "the payments")
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        # a checkout that promised so little would sell nothing: the promise is cut short once it was given
        connection.execute("UPDATE jobs SET promise_at = now() + make_interval(secs => %s), wake_at = now()", [left_s])
    shop.wait_over(purchases, within_s=90)
    if outage == "gone":
        provider.start()
    else:
        provider.resume()
    for purchase in purchases:
        order = history(stack, purchase)
        assert order["status"] == "refunded"
        assert order["failure_reason"] == "promise"
        assert order["refunds"][0]["created_at"] >= order["promise_at"]
        assert outage == "gone" or len(order["attempts"]) >= 3, "its attempts were used up before"
        assert when(order["refunds"][0]["created_at"]) < when(order["promise_at"]) + timedelta(seconds=15)


def most_at_once(submissions: list[dict[str, Any]]) -> int:
    """How many jobs the provider had at once, at the worst moment."""
    steps = [(when(s["at"]), 1) for s in submissions] + [(when(s["states"][-1]["at"]), -1) for s in submissions]
    running = most = 0
    for _, step in sorted(steps):
        running += step
        most = max(most, running)
    return most


def most_in(submissions: list[dict[str, Any]], seconds: float) -> int:
    """The most submissions in any window of this length."""
    times = sorted(when(s["at"]) for s in submissions)
    return max(sum(start <= at < start + timedelta(seconds=seconds) for at in times) for start in times)


def order_of(submission: dict[str, Any]) -> str:
    return str(submission["webhook_url"].partition("job=")[2].partition("&")[0])


def position(purchases: list[Purchase], shop: Shop, submission: dict[str, Any]) -> int:
    """Which of the purchases this is, counted from the first that was paid."""
    ids = [shop.session(purchase)["metadata"]["job_id"] for purchase in purchases]
    return ids.index(order_of(submission))


def breaker(stack: Stack) -> float:
    text = requests.get(f"{stack.at.health('poller')}/metrics", timeout=10).text
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith("enlarger_breaker_state{"))


def history(stack: Stack, purchase: Purchase) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {stack.known.admin_token}"}
    answer = requests.get(f"{stack.at.ingest}/v1/orders/{purchase.ticket}", headers=headers, timeout=10)
    answer.raise_for_status()
    return dict(answer.json())


def when(text: str) -> datetime:
    return datetime.fromisoformat(text)
