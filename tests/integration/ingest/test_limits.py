"""Clients that ask too often, and clients that never finish asking, over real sockets."""

import secrets
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from local.broker import Broker
from local.database import Database
from tests.infrastructure import fresh_database
from tests.integration.ingest.shop import API, Shop, open_shop

LIMITS = {"RATE_LIMIT_PER_MIN": "20", "CLIENT_PATIENCE_S": "2", "TRUSTED_PROXIES": "127.0.0.0/8", "SHOP_PAGE": "0"}


@pytest.fixture(scope="module")
def limited(broker: Broker, database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    name = f"limited-{secrets.token_hex(4)}"
    amqp_url = broker.create_vhost(name)
    with open_shop(fresh_database(database, name), amqp_url, tmp_path_factory.mktemp("limited"), **LIMITS) as opened:
        yield opened
    database.dropdb(name)
    broker.retire_vhost(name)


def _from(address: str) -> dict[str, dict[str, str]]:
    return {"headers": {"X-Forwarded-For": address, "Origin": "https://shop.example"}}


def test_a_client_that_asks_too_often_is_told_so_and_another_is_not(limited: Shop) -> None:
    answers = [limited.get(f"{API}/job-status/x", **_from("198.51.100.1")) for _ in range(25)]
    assert [answer.status_code for answer in answers[:20]] == [404] * 20
    late = answers[-1]
    assert (late.status_code, late.json()["code"], late.json()["data"]) == (429, "too_many_requests", {"status": 429})
    assert "wait a moment" in late.json()["message"]
    assert 1 <= int(late.headers["Retry-After"]) <= 60
    assert late.headers["Access-Control-Allow-Origin"] == "https://shop.example", "the shop's page may read it"
    assert limited.get(f"{API}/job-status/x", **_from("198.51.100.2")).status_code == 404


def test_a_person_gets_a_page(limited: Shop) -> None:
    answers = [limited.get("/d/x", **_from("198.51.100.3")) for _ in range(25)]
    assert answers[-1].status_code == 429
    assert "wait a moment" in answers[-1].text
    assert answers[-1].headers["Content-Type"].startswith("text/html")


def test_webhooks_and_probes_are_never_refused_for_their_number(limited: Shop) -> None:
    assert {limited.get("/healthz", **_from("198.51.100.4")).status_code for _ in range(30)} == {200}
    hooks = [limited.post("/smi-webhook/stripe/", json={}, **_from("198.51.100.4")).status_code for _ in range(30)]
    assert 429 not in hooks


HALF_A_BODY = (
    b"POST /wp-json/smi/v1/create-checkout HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 198.51.100.9\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 50\r\n\r\nattach"
)


@pytest.mark.parametrize(
    ("sent", "answer"),
    [(b"", b""), (b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", b""), (HALF_A_BODY, b"408")],
    ids=["nothing", "half a header", "half a body"],
)
def test_a_connection_that_never_finishes_asking_is_ended(limited: Shop, sent: bytes, answer: bytes) -> None:
    at = urlsplit(limited.url)
    with socket.create_connection((at.hostname or "", at.port or 0), timeout=30) as connection:
        connection.sendall(sent)
        got = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer in got.partition(b"\r\n")[0]
    assert bool(got) == bool(answer)


def test_without_the_setting_there_is_no_shop_page(limited: Shop) -> None:
    for path in ("/shop", "/shop/pictures/101", "/shop/uploads/up_0123456789"):
        assert limited.get(path, **_from("198.51.100.20")).status_code == 404
    assert "/shop" not in limited.get("/").text
