"""Two of each worker: they share the work, do nothing twice, and count nothing double."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from bench import orders
from bench.measure import run_feeder
from bench.ours import STAGES, SWITCHED_OFF
from cli.customer import Customer, Purchase
from common.events import EXCHANGE, PaymentCompleted, encode
from local.layout import Addresses, Secrets, program, worker_settings
from local.processes import await_condition
from local.stack import Member, Stack
from tests.acceptance.conftest import StartStack
from tests.acceptance.shop import LAUNCH_PAD, QUICK, Shop

ORDERS = 300
REPLICAS = 2
SOLD = 40
TOLD = QUICK | {
    "CHECKOUT_CHECK_S": "2",
    "REFUNDS_PER_HOUR": "1000",
    "PREFETCH": "2",
    "SANDBOX_UPSAMPLER_SECONDS": "0.1",
}
MOVED, SERVED = "enlarger_events_consumed_total", "enlarger_http_requests_total"
CHECKOUT = "/wp-json/smi/v1/create-checkout"
LANES = {"submitter": "submitter", "poller": "poller", "finisher": "finisher.deliver", "notifier": "notifier"}


class Replica:
    """One process of each of the four workers; what it says of itself at /metrics."""

    def __init__(self, folder: Path, known: Secrets, servers: dict[str, str]) -> None:
        self._at = Addresses()
        told = worker_settings(folder, self._at, known) | SWITCHED_OFF | servers | {"CENSUS_S": "0.5"}
        self.members = {stage: self._member(stage, told, folder) for stage in STAGES}

    def total(self, stage: str, name: str, **labels: str) -> float:
        """The sum of the samples of this name that have these labels."""
        return _total(self._at, stage, name, **labels)

    def _member(self, stage: str, told: dict[str, str], folder: Path) -> Member:
        port = {"METRICS_PORT": str(self._at.health_ports[stage])}
        what = program(stage, f"services.{stage}", told | port, folder)
        return Member(what, folder / f"{stage}.log", f"{self._at.health(stage)}/readyz")


@pytest.fixture
def replicas(amqp_url: str, database_url: str, tmp_path: Path) -> Iterator[list[Replica]]:
    known, servers = Secrets(), {"AMQP_URL": amqp_url, "DATABASE_URL": database_url}
    folders = [tmp_path / str(number) for number in range(REPLICAS)]
    for folder in folders:
        folder.mkdir()
    found = [Replica(folder, known, servers) for folder in folders]
    members = [member for replica in found for member in replica.members.values()]
    with ExitStack() as ending:
        for member in members:
            member.start()
            ending.callback(member.terminate)
        for member in members:
            member.wait_ready()
        yield found


def test_two_of_each_worker_share_the_work_and_do_nothing_twice(
    replicas: list[Replica], amqp_url: str, database_url: str, tmp_path: Path
) -> None:
    ids = orders.make(database_url, ORDERS)
    _pay(ids, amqp_url, tmp_path / "feed.json")
    with psycopg.connect(database_url, autocommit=True) as connection:
        await_condition(lambda: orders.all_ended(connection), 60, "every order to end")
        for table in ("attempts", "deliveries", "links", "mails"):
            assert connection.execute(f"SELECT count(*), count(DISTINCT job_id) FROM {table}").fetchone() == (
                ORDERS,
                ORDERS,
            )
    for stage, lane in LANES.items():
        done = [r.total(stage, "enlarger_events_consumed_total", lane=lane, outcome="moved") for r in replicas]
        assert sum(done) == ORDERS
        assert all(0.3 <= share / ORDERS <= 0.7 for share in done), f"{stage}: {done}"


def test_gauges_are_not_doubled(replicas: list[Replica], database_url: str) -> None:
    orders.make(database_url, ORDERS)
    await_condition(lambda: _counted(replicas) == ORDERS, 20, "the census to count them")
    shown = [bool(replica.total("poller", "enlarger_census_timestamp_seconds")) for replica in replicas]
    assert sorted(shown) == [False, True]
    replicas[shown.index(True)].members["poller"].kill()
    other = [replicas[shown.index(False)]]
    await_condition(lambda: _counted(other) == ORDERS, 20, "the other one to take over")


@pytest.mark.timeout(600)  # sixty orders through real pages, on a machine that does something else as well
def test_two_edges_and_two_refund_lanes_share_the_work_and_take_or_give_no_money_twice(
    start_stack: StartStack,
) -> None:
    """The lanes that need Stripe: HTTP, the checkouts whose webhook was lost, and refunds."""
    stack = start_stack(**TOLD)
    shop, second = Shop(stack), Addresses()
    others = {name: _another(stack, second, name) for name in ("ingest", "finisher")}
    with ExitStack() as ending:
        for member in others.values():
            member.start()
            ending.callback(member.terminate)
        for member in others.values():
            member.wait_ready()
        shop.fault("stripe", fault="webhook_lost", count=100 * SOLD)
        shop.fault("upsampler", fault="failed", count=SOLD)
        bought = [_bought(stack, (stack.at.ingest, second.ingest)[number % 2], number) for number in range(SOLD)]
        with psycopg.connect(stack.database_url, autocommit=True) as connection:
            await_condition(lambda: _refunded(connection) == SOLD, 240, "every order to be refunded")
        await_condition(lambda: all(len(shop.mails(purchase)) == 1 for purchase in bought), 60, "every mail")
        for at, lane in (("ingest", "checkout"), ("finisher", "finisher.refund")):
            done = [_total(addresses, at, MOVED, lane=lane, outcome="moved") for addresses in (stack.at, second)]
            assert sum(done) == SOLD
            assert all(0.3 <= share / SOLD <= 0.7 for share in done), f"{lane}: {done}"
        served = [_total(a, "ingest", SERVED, route=CHECKOUT) for a in (stack.at, second)]
        assert served == [SOLD / 2, SOLD / 2]
    refunds, charges = shop.ledger("stripe")["refunds"], shop.ledger("stripe")["charges"]
    assert len(charges) == len(refunds) == len({r["payment_intent"] for r in refunds}) == SOLD
    assert all(len(shop.mails(purchase)) == 1 for purchase in bought)


def _another(stack: Stack, second: Addresses, name: str) -> Member:
    """A second replica of one of the system's workers: the same settings, ports of its own."""
    told = worker_settings(stack.folder, stack.at, stack.known) | TOLD
    told |= {"DATABASE_URL": stack.database_url, "AMQP_URL": stack.amqp_url, "PORT": str(second.ingest_port)}
    told |= {"METRICS_PORT": str(second.health_ports[name])}
    what = program(f"second {name}", f"services.{name}", told, stack.folder)
    return Member(what, stack.logs / f"second-{name}.log", f"{second.health(name)}/readyz")


def _bought(stack: Stack, edge: str, number: int) -> Purchase:
    """Ordered at this edge, as a load balancer would have chosen it."""
    email = f"buyer{number}@customer.example"
    form = {"attachment_id": LAUNCH_PAD, "post_id": 1, "resolution": "4x", "email": email}
    answer = requests.post(f"{edge}/wp-json/smi/v1/create-checkout", data=form, timeout=20)
    answer.raise_for_status()
    told = answer.json()
    purchase = Purchase(told["job_id"], told["checkout_url"], "", "", email)
    Customer(stack).pay(purchase)
    return purchase


def _refunded(connection: psycopg.Connection) -> int:
    [(count,)] = connection.execute("SELECT count(*) FROM jobs WHERE status = 'refunded'").fetchall()
    return int(count)


def _total(at: Addresses, worker: str, name: str, **labels: str) -> float:
    text = requests.get(f"{at.health(worker)}/metrics", timeout=10).text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())


def _counted(replicas: list[Replica]) -> float:
    return sum(replica.total("poller", "enlarger_jobs") for replica in replicas)


def _pay(ids: list[UUID], amqp_url: str, file: Path) -> None:
    events = [PaymentCompleted(job_id=job_id) for job_id in ids]
    messages = [{"exchange": EXCHANGE, "key": e.name, "body": encode(e, "ingest").decode()} for e in events]
    file.write_text(json.dumps({"amqp_url": amqp_url, "rate": 0, "messages": messages}))
    run_feeder(file)
