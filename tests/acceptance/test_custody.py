"""Nothing is lost and nothing is done twice when a worker dies, the queues vanish, or Stripe repeats itself."""

import random
import time
from collections.abc import Callable

import pytest

from cli.customer import Purchase
from local.broker import Broker
from local.layout import WORKERS
from local.processes import await_condition
from local.stack import Stack
from tests.acceptance.shop import CAT, LAUNCH_PAD, Shop

SEED = 20261122
INSTANTS = 2
LONGEST_ORDER_S = 2.5  # of an undisturbed order with these settings: every instant falls into its life


@pytest.mark.parametrize("worker", WORKERS)
def test_a_killed_worker_costs_no_order(quick_stack: Stack, worker: str) -> None:
    """Kill -9 at seeded instants in the middle of orders, one of which the provider fails."""
    shop = Shop(quick_stack)
    instants = random.Random(f"{SEED}:{worker}")  # noqa: S311 - a schedule, no secret
    purchases: list[Purchase] = []
    for number in range(INSTANTS):
        shop.fault("upsampler", fault="failed", match="launch-pad", count=1)
        purchases += [shop.buy(CAT, f"{worker}{number}@a.example"), shop.buy(LAUNCH_PAD, f"{worker}{number}@b.example")]
        _wait_until(instants.uniform(0, LONGEST_ORDER_S))
        shop.stack.worker(worker).kill()
        shop.stack.worker(worker).start()
        shop.stack.worker(worker).wait_ready()
        shop.wait_over(purchases)
    assert [shop.submissions(purchase) for purchase in purchases] == [1] * len(purchases)
    assert [shop.refunds(purchase) for purchase in purchases] == [0, 1] * INSTANTS
    for purchase in purchases:
        mails = shop.mails(purchase)
        assert len({mail["message_id"] for mail in mails}) == 1
        assert len(mails) == 1 or worker == "notifier"


def test_an_order_whose_messages_vanish_ends_within_a_wake_up(quick_stack: Stack, broker: Broker) -> None:
    shop = Shop(quick_stack)
    shop.stack.worker("finisher").terminate()
    purchase = shop.buy(CAT, "purged@a.example")
    queues = f"/queues/{shop.stack.amqp_url.rpartition('/')[2]}"
    await_condition(_has_messages(broker, f"{queues}/finisher.upscale.done"), 20, "the result's message")
    for queue in broker.api("GET", queues):
        broker.api("DELETE", f"{queues}/{queue['name']}/contents")
    assert not _has_messages(broker, f"{queues}/finisher.upscale.done")()
    shop.stack.worker("finisher").start()
    shop.wait_over([purchase])
    assert shop.status(purchase)["status"] == "completed"


def test_a_payment_event_sent_five_times_at_once_is_one_submission_and_one_mail(quick_stack: Stack) -> None:
    shop = Shop(quick_stack)
    shop.fault("stripe", fault="webhook_duplicate", count=2)
    purchase = shop.buy(CAT, "twice@a.example")
    shop.wait_over([purchase])
    shop.resend_events(purchase, times=5)
    attempts = [a for event in shop.events(purchase) for a in event["attempts"]]
    assert len(attempts) >= 10
    assert {attempt["status"] for attempt in attempts} == {200}
    assert shop.submissions(purchase) == 1
    assert len(shop.mails(purchase)) == 1


def _wait_until(seconds: float) -> None:
    """The instant of the fault comes from the seed: the one thing here that is a time and no condition."""
    time.sleep(seconds)


def _has_messages(broker: Broker, queue: str) -> Callable[[], bool]:
    return lambda: any(message for message in broker.api("POST", f"{queue}/get", PEEK))


PEEK = {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}
