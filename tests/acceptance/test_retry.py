"""A paid order is done again by republishing `payment.completed`: five ways to say it, and all do the same."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pika
import psycopg
import pytest
import requests

from cli.customer import Purchase
from local.bootstrap import ROOT
from local.broker import Broker
from local.processes import await_condition
from local.stack import Stack
from tests.acceptance.operators import Operator
from tests.acceptance.shop import CAT, Shop


@pytest.fixture(scope="module")
def shop(quick_stack: Stack) -> Shop:
    return Shop(quick_stack)


def _body(shop: Shop, purchase: Purchase) -> dict[str, object]:
    return {"job_id": shop.session(purchase)["metadata"]["job_id"], "admin_override": True}


def _by_hand(stack: Stack, broker: Broker, body: dict[str, object]) -> None:
    """As RabbitMQ's management page publishes: this call of its HTTP API."""
    vhost = quote(urlsplit(stack.amqp_url).path[1:], safe="")
    message = {
        "properties": {}, "routing_key": "payment.completed", "payload": json.dumps(body), "payload_encoding": "string"
    }  # fmt: skip
    answer = broker.api("POST", f"/exchanges/{vhost}/enlarger/publish", message)
    assert answer["routed"] is True


def _by_rabbitmqadmin(stack: Stack, broker: Broker, body: dict[str, object], folder: Path) -> None:
    """The tool itself, which RabbitMQ's management plugin hands out, with the words of docs/retry.md."""
    at, amqp = urlsplit(broker.management_url), urlsplit(stack.amqp_url)
    answer = requests.get(f"{broker.management_url}/cli/rabbitmqadmin", timeout=10)
    answer.raise_for_status()
    tool = folder / "rabbitmqadmin"
    tool.write_bytes(answer.content)
    [shown] = re.findall(r"`rabbitmqadmin (publish .*payload=)'", (ROOT / "docs/retry.md").read_text("utf-8"))
    where = [f"--host={at.hostname}", f"--port={at.port}", f"--vhost={unquote(amqp.path[1:])}"]
    who = [f"--username={amqp.username}", f"--password={amqp.password}"]
    done = subprocess.run(
        [sys.executable, tool, *where, *who, *f"{shown}{json.dumps(body, separators=(',', ':'))}".split()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "Message published\n", done.stdout + done.stderr


def _by_amqp(stack: Stack, body: dict[str, object]) -> None:
    with pika.BlockingConnection(pika.URLParameters(stack.amqp_url)) as connection:
        connection.channel().basic_publish("enlarger", "payment.completed", json.dumps(body).encode())


def _by_api(stack: Stack, purchase: Purchase) -> None:
    bearer = {"Authorization": f"Bearer {stack.known.admin_token}"}
    address = f"{stack.at.ingest}/admin/api/jobs/{purchase.ticket}/retry"
    assert requests.post(address, headers=bearer, timeout=10).status_code == 200


@pytest.mark.timeout(400)  # ten deliveries, and each of the operator's looks is a process of its own
def test_five_ways_to_have_an_order_done_again_do_the_same(shop: Shop, broker: Broker, tmp_path: Path) -> None:
    stack, operator = shop.stack, Operator(shop.stack)
    purchases = [shop.buy(CAT, f"again-{way}@customer.example") for way in ("page", "admin", "amqp", "cli", "api")]
    shop.wait_over(purchases)
    page, admin, amqp, cli, api = purchases
    # an override without a request id does nothing within a minute of the last attempt's end
    _age(stack, "UPDATE attempts SET ended_at = ended_at - interval '2 minutes'")
    ways: list[Callable[[], object]] = [
        lambda: _by_hand(stack, broker, _body(shop, page)),
        lambda: _by_rabbitmqadmin(stack, broker, _body(shop, admin), tmp_path),
        lambda: _by_amqp(stack, _body(shop, amqp)),
        lambda: operator.does("retry", cli.ticket, "--yes", "--why", "it looks soft"),
        lambda: _by_api(stack, api),
    ]
    for way in ways:
        way()
    await_condition(lambda: _deliveries(stack) == [2] * len(ways), 60, "five more deliveries")
    for purchase in purchases:
        record = operator.reads("show", purchase.ticket)
        assert [(a["attempt"], a["admin_override"]) for a in record["attempts"]] == [(1, False), (2, True)]
        assert shop.submissions(purchase) == 2
        assert record["charged_cents"] > record["refunded_cents"] == 0


def test_a_typing_mistake_becomes_a_dead_letter_that_says_so(shop: Shop) -> None:
    stack, operator = shop.stack, Operator(shop.stack)
    purchase = shop.buy(CAT, "typo@customer.example")
    shop.wait_over([purchase])
    job_id = str(_body(shop, purchase)["job_id"])
    _by_amqp(stack, {"job_id": job_id, "admin_overide": True})
    _by_amqp(stack, {"job_id": purchase.ticket, "admin_override": True})
    _by_amqp(stack, {"job_id": job_id[:-1], "admin_override": True})
    await_condition(lambda: len(operator.reads("dead", "list")) == 3, 15, "three dead letters")
    reasons = sorted(letter["reason"] for letter in operator.reads("dead", "list"))
    assert "did you mean admin_override?" in reasons[2]
    assert "this is a customer's ticket" in reasons[1]
    assert "should be a valid UUID" in reasons[0]
    shown = operator.does("dead", "list")
    assert "did you mean admin_override?" in shown

    [first, second, third] = [letter["id"] for letter in operator.reads("dead", "list")]
    assert "payment.completed" in operator.does("dead", "show", first)
    operator.does("dead", "drop", first, "--yes")
    operator.does("dead", "replay", second)  # it is as wrong as it was, and comes back
    await_condition(lambda: len(operator.reads("dead", "list")) == 2, 15, "it to come back")
    assert operator.run("dead", "drop", "--all").returncode == 1
    operator.does("dead", "drop", second, third, "--yes")
    assert operator.reads("dead", "list") == []


def _deliveries(stack: Stack) -> list[int]:
    """How often each order was delivered."""
    with psycopg.connect(stack.database_url) as connection:
        found = connection.execute(
            """SELECT count(*) FROM job_events JOIN jobs USING (job_id)
               WHERE kind = 'completed' AND email LIKE 'again-%' GROUP BY job_id"""
        )
        return [count for (count,) in found]


def _age(stack: Stack, statement: str) -> None:
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute(statement.encode())
