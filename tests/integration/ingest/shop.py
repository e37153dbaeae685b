"""What the tests of the HTTP edge stand on: ingest, the shop and Stripe's stand-in as real processes."""

import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pika
import psycopg
import requests
from psycopg.rows import dict_row
from pydantic import SecretStr

from common.signing import Signer
from common.topology import queues
from tests.integration.sandbox.standin import ROOT, StandIn, free_port, until

SECRET_KEY = "k" * 40
STRIPE_KEY = "sk_test_ingest"
WEBHOOK_SECRETS = ("whsec_new", "whsec_old")
ADMIN_TOKEN = "token-of-the-shop-owner"
API = "/wp-json/smi/v1"
DANDELIONS = 101
RACCOON = 102

signer = Signer(SecretStr(SECRET_KEY))


@dataclass
class Shop:
    """Ingest with all that it talks to, and a look into its database."""

    url: str
    stripe: StandIn
    wordpress: StandIn
    database_url: str
    amqp_url: str
    storage: Path
    env: dict[str, str]
    process: subprocess.Popen[bytes] = field(init=False)

    def get(self, path: str, **more: Any) -> requests.Response:
        return requests.get(self.url + path, timeout=15, allow_redirects=False, **more)

    def post(self, path: str, **more: Any) -> requests.Response:
        return requests.post(self.url + path, timeout=15, allow_redirects=False, **more)

    def request(self, method: str, path: str, **more: Any) -> requests.Response:
        return requests.request(method, self.url + path, timeout=15, allow_redirects=False, **more)

    def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.database_url, row_factory=dict_row, autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def job(self, ticket: str) -> dict[str, Any]:
        return self.rows("SELECT * FROM jobs WHERE ticket = %s", ticket)[0]

    def kinds(self, ticket: str) -> list[str]:
        rows = self.rows(
            "SELECT kind FROM job_events JOIN jobs USING (job_id) WHERE ticket = %s ORDER BY event_id", ticket
        )
        return [row["kind"] for row in rows]

    def checkout(self, picture: int = DANDELIONS, resolution: str = "4x", **more: Any) -> dict[str, Any]:
        headers = more.pop("headers", {})
        form = {"attachment_id": picture, "post_id": 7, "resolution": resolution} | more
        answer = self.post(f"{API}/create-checkout", data=form, headers=headers)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def status(self, ticket: str) -> dict[str, Any]:
        answer = self.get(f"{API}/job-status/{ticket}")
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()["data"]
        return body

    def session(self, ticket: str) -> str:
        return str(self.job(ticket)["session_id"])

    def pay(self, ticket: str, email: str | None = "anna@example.org", *, delayed: bool = False) -> None:
        self.control(f"sessions/{self.session(ticket)}/pay", {"email": email, "delayed": delayed})

    def control(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = requests.post(f"{self.stripe.url}/sandbox/{path}", json=body or {}, timeout=10)
        assert answer.ok, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def ordered(self, **more: Any) -> str:
        return str(self.checkout(**more)["job_id"])

    def paid(self, **more: Any) -> str:
        ticket = self.ordered(**more)
        self.pay(ticket)
        until(lambda: self.job(ticket)["stage"] == "submit")
        return ticket

    def messages(self, queue: str) -> list[dict[str, Any]]:
        """Take what lies in a queue."""
        connection = pika.BlockingConnection(pika.URLParameters(self.amqp_url))
        found = []
        with connection, connection.channel() as channel:
            while (message := channel.basic_get(queue, auto_ack=True))[0]:
                found.append(json.loads(message[2]))
        return found

    def depth(self, queue: str) -> int:
        connection = pika.BlockingConnection(pika.URLParameters(self.amqp_url))
        with connection, connection.channel() as channel:
            return int(channel.queue_declare(queue, passive=True).method.message_count)

    def publish(self, routing_key: str, body: dict[str, Any]) -> None:
        connection = pika.BlockingConnection(pika.URLParameters(self.amqp_url))
        with connection, connection.channel() as channel:
            channel.basic_publish("enlarger", routing_key, json.dumps(body).encode())

    def numbers(self) -> str:
        """What Prometheus reads."""
        return requests.get(f"http://127.0.0.1:{self.env['METRICS_PORT']}/metrics", timeout=10).text

    def start(self) -> None:
        command = [sys.executable, "-m", "services.ingest"]
        self.process = subprocess.Popen(command, cwd=ROOT, env=os.environ | self.env)
        until(self.is_ready)

    def is_ready(self) -> bool:
        assert self.process.poll() is None, f"ingest ended with {self.process.returncode}"
        try:
            answer = requests.get(self.url + "/readyz", timeout=5)
        except requests.ConnectionError:
            return False
        return bool(answer.json()["broker"])

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)


@contextmanager
def open_shop(database_url: str, amqp_url: str, storage: Path, **settings: str) -> Iterator[Shop]:
    """Start Stripe's stand-in, the shop and ingest; stop them in the end."""
    port, stripe_port, shop_port = free_port(), free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    secrets = {"STRIPE_API_KEY": STRIPE_KEY, "STRIPE_WEBHOOK_SECRET": ",".join(WEBHOOK_SECRETS)}
    stripe = secrets | {
        "SANDBOX_STRIPE_PORT": str(stripe_port),
        "SANDBOX_STRIPE_WEBHOOK_URL": f"{url}/smi-webhook/stripe/",
    }
    shop = {"SANDBOX_SHOP_PORT": str(shop_port), "PUBLIC_URL": url}
    env = secrets | {
        "DATABASE_URL": database_url, "AMQP_URL": amqp_url, "STORAGE_URL": f"file://{storage}",
        "METRICS_PORT": str(free_port()), "PORT": str(port), "PUBLIC_URL": url, "SECRET_KEY": SECRET_KEY,
        "ADMIN_TOKEN": ADMIN_TOKEN,
        "STRIPE_API_BASE": f"http://127.0.0.1:{stripe_port}", "WORDPRESS_URL": f"http://127.0.0.1:{shop_port}",
        "OUTBOUND_ALLOW": f"127.0.0.1:{shop_port}", "CORS_ORIGINS": "https://shop.example",
        "RATE_LIMIT_PER_MIN": "0", "SHOP_PAGE": "1",
    }  # fmt: skip
    with (
        stand_in("sandbox.stripe", stripe_port, stripe) as bank,
        stand_in("sandbox.shop", shop_port, shop) as wordpress,
    ):
        opened = Shop(url, bank, wordpress, database_url, amqp_url, storage, env | settings)
        try:
            opened.start()
            yield opened
            assert opened.stop() == 0
        finally:
            opened.process.kill()
            opened.process.wait()


@contextmanager
def stand_in(module: str, port: int, settings: dict[str, str]) -> Iterator[StandIn]:
    """A stand-in that a test may stop before its end."""
    process = subprocess.Popen([sys.executable, "-m", module], cwd=ROOT, env=os.environ | settings)
    try:
        started = StandIn(f"http://127.0.0.1:{port}", process)
        until(started.is_up)
        yield started
    finally:
        process.kill()
        process.wait()


def signed(body: bytes, *, secret: str = WEBHOOK_SECRETS[0], at: float | None = None) -> dict[str, str]:
    """Headers as Stripe sends them: https://docs.stripe.com/webhooks#verify-manually."""
    stamp = int(time.time() if at is None else at)
    mac = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", "Stripe-Signature": f"t={stamp},v1={mac}"}


def completed(job: dict[str, Any], event_id: str, **changes: Any) -> bytes:
    """`checkout.session.completed` for this job, as Stripe would write it; `changes` are made to the session."""
    session = {
        "id": job["session_id"], "object": "checkout.session", "amount_total": job["amount_cents"],
        "currency": job["currency"], "livemode": False, "payment_status": "paid", "status": "complete",
        "payment_intent": f"pi_{event_id}", "customer_details": {"email": "anna@example.org"},
        "metadata": {"job_id": str(job["job_id"]), "source": "enlarger"},
    }  # fmt: skip
    return event("checkout.session.completed", event_id, session | changes)


def event(kind: str, event_id: str, about: dict[str, Any]) -> bytes:
    told = {"id": event_id, "object": "event", "type": kind, "livemode": False, "data": {"object": about}}
    return json.dumps(told).encode()


def provider_hook(job_id: UUID, attempt: int, sig: str | None = None) -> str:
    signature = signer.sign("upsampler-webhook", job_id, attempt) if sig is None else sig
    return f"/smi-webhook/upsampler/?job={job_id}&attempt={attempt}&sig={signature}"


QUEUES = list(queues())
