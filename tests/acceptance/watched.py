"""A small shop under Prometheus' eyes: two waves of orders with something of everything that may go wrong."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pika

from cli.customer import Customer
from local.broker import Broker
from local.layout import WORKERS
from local.ports import HOST
from local.processes import await_condition
from local.prometheus import Prometheus
from local.stack import Stack
from tests.acceptance.shop import CAT, LAUNCH_PAD, Shop

WAVES = 2


@dataclass(frozen=True)
class Watched:
    """The running system, its Prometheus, and since when (Unix seconds) it is watched."""

    stack: Stack
    prometheus: Prometheus
    since: float

    def sees(self, expression: str) -> bool:
        return bool(self.prometheus.query(expression))


@contextmanager
def watched(stack: Stack, broker: Broker, folder: Path) -> Iterator[Watched]:
    """Prometheus, that has scraped every worker at least once."""
    services = {worker: [f"{HOST}:{stack.at.health_ports[worker]}"] for worker in WORKERS}
    vhost = unquote(urlsplit(stack.amqp_url).path[1:])
    prometheus = Prometheus(folder, services, (urlsplit(broker.metrics_url).netloc, vhost))
    try:
        prometheus.start()
        found = Watched(stack, prometheus, time.time())
        await_condition(lambda: len(prometheus.query("up == 1")) == len(services) + 2, 20, "every target to be scraped")
        await_condition(lambda: found.sees("enlarger_jobs"), 20, "the first count of the jobs")
        yield found
    finally:
        prometheus.close()


def live(watched: Watched) -> None:
    """Two waves: what each counter counts stands at something before it grows, as in a shop that runs for longer."""
    shop = Shop(watched.stack)
    for wave in range(WAVES):
        _arm(shop)
        orders = [shop.buy(CAT, f"fine{wave}@a.example"), shop.buy(LAUNCH_PAD, f"failed{wave}@b.example")]
        shop.wait_over(orders)
        Customer(watched.stack).download(orders[0])
        _scraped(watched)
    shop.fault("upsampler", fault="wrong_size", match="cat.jpg", count=1)
    shop.wait_over([shop.buy(CAT, "again@a.example")])
    # the books are counted the more seldom the longer a count took, on a busy machine
    await_condition(lambda: watched.sees('enlarger_account_cents{account="sales"} < 0'), 100, "the books to be counted")
    _publish_nonsense(watched.stack.amqp_url)
    await_condition(lambda: watched.sees('rabbitmq_detailed_queue_messages_ready{queue=~".+[.]dead"} > 0'), 20,
                    "the dead letter to be seen")  # fmt: skip
    _scraped(watched)


def _arm(shop: Shop) -> None:
    shop.fault("upsampler", fault="failed", match="launch-pad", count=1)
    shop.fault("upsampler", fault="http_503", match="cat.jpg", count=1)
    shop.fault("upsampler", fault="webhook_lost", match="cat.jpg", count=1)
    shop.fault("upsampler", fault="status_unknown", match="cat.jpg", count=1)
    shop.fault("inbox", fault="tempfail", count=1)


def _scraped(watched: Watched) -> None:
    """Until Prometheus has looked at every worker again."""
    since = time.time()
    await_condition(lambda: len(watched.prometheus.query(f"timestamp(up == 1) > {since + 1}")) >= len(WORKERS) + 2, 20,
                    "another scrape")  # fmt: skip


def _publish_nonsense(amqp_url: str) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(amqp_url))
    connection.channel().basic_publish("enlarger", "payment.completed", b"{not json", mandatory=True)
    connection.close()
