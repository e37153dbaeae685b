"""A merchant at the Stripe stand-in, for its tests: the real library, the remote control, a webhook endpoint."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests
import stripe

from tests.integration.sandbox.standin import StandIn, until
from tests.integration.sandbox.stripe_shapes import faults_of

KEY = "sk_test_of_the_tests"
SECRET = "whsec_first"
SECRETS = f"{SECRET},whsec_second"


@dataclass
class Endpoint:
    """A merchant's webhook endpoint. `answer` chooses the status from how many requests came before."""

    url: str
    answer: Callable[[int], int] = lambda _earlier: 200
    got: list[tuple[str, bytes]] = field(default_factory=list)
    one_by_one: threading.Lock = field(default_factory=threading.Lock)

    def take(self, signature: str, body: bytes) -> int:
        with self.one_by_one:
            self.got.append((signature, body))
            nth = len(self.got) - 1
        return self.answer(nth)

    def names(self, nth: int, about: str) -> bool:
        """Whether that request is about this: events of an earlier test may still come."""
        return about.encode() in self.got[nth][1]

    def bodies(self, about: str = "") -> list[Any]:
        return [json.loads(body) for _, body in self.got if about.encode() in body]

    def await_bodies(self, count: int, about: str = "") -> list[Any]:
        until(lambda: len(self.bodies(about)) >= count)
        return self.bodies(about)


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(hook.take(self.headers["Stripe-Signature"], body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name that http.server gives it)
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook = Endpoint(f"http://127.0.0.1:{server.server_port}/hook")
    threading.Thread(target=server.serve_forever, args=(0.02,)).start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Merchant:
    """The library as Enlarger uses it, and the hands of customers, banks and the dashboard."""

    stand_in: StandIn
    hook: Endpoint

    def client(self, timeout_s: float = 10) -> stripe.StripeClient:
        """Without retries of its own: the tests want to see every answer."""
        return stripe.StripeClient(
            KEY,
            base_addresses={"api": self.stand_in.url},
            max_network_retries=0,
            http_client=stripe.RequestsClient(timeout=timeout_s),
        )

    def order(self, amount: int = 768, **changes: Any) -> stripe.checkout.Session:
        return self.client().v1.checkout.sessions.create(order_params(amount) | changes)  # type: ignore[arg-type]

    def paid(self, amount: int = 768, **changes: Any) -> str:
        """The payment intent of an order that was paid by card."""
        session = self.control(f"sessions/{self.order(amount, **changes).id}/pay", email="pat@example.com")
        return str(session["payment_intent"])

    def control(self, path: str, /, **command: Any) -> Any:
        answer = requests.post(f"{self.stand_in.url}/sandbox/{path}", json=command, timeout=10)
        assert answer.ok, answer.text
        return answer.json()

    def refused(self, path: str, /, **command: Any) -> str:
        """The message of a refusal."""
        answer = requests.post(f"{self.stand_in.url}/sandbox/{path}", json=command, timeout=10)
        assert answer.status_code in (400, 404), answer.text
        return str(answer.json()["error"]["message"])

    def forget_keys(self) -> int:
        return int(requests.delete(f"{self.stand_in.url}/sandbox/keys", timeout=10).json()["forgotten"])

    def ledger(self, part: str) -> list[Any]:
        entries = self.stand_in.get("/sandbox/ledger")[part]
        assert isinstance(entries, list)
        return entries

    def events(self, about: str) -> list[Any]:
        return [event for event in self.ledger("events") if about in json.dumps(event["data"])]

    def kinds(self, about: str) -> list[str]:
        return [event["type"] for event in self.events(about)]

    def calls(self, path: str, key: str) -> list[Any]:
        return [call for call in self.ledger("calls") if call["path"] == path and call["key"] == key]


def order_params(amount: int = 768) -> dict[str, Any]:
    metadata = {"job_id": "5", "resolution": "4x", "source": "enlarger"}
    product = {"name": "4x enlargement", "description": "A cat at the window"}
    price = {"currency": "usd", "unit_amount": amount, "product_data": product}
    return {
        "mode": "payment",
        "line_items": [{"price_data": price, "quantity": 1}],
        "metadata": metadata,
        "payment_intent_data": {"metadata": metadata},
        "success_url": "http://shop.test/thanks?smi_payment=success&session_id={CHECKOUT_SESSION_ID}&job_id=t",
        "cancel_url": "http://shop.test/?smi_payment=cancelled&session_id={CHECKOUT_SESSION_ID}",
    }


def wire(answer: Any) -> Any:
    """The JSON as it came, before the library made objects of it; it must fit Stripe's shapes."""
    shape = json.loads(answer.last_response.body)
    assert faults_of(shape) == []
    return shape


def ledger_faults(ledger: dict[str, Any]) -> list[str]:
    """Whatever the books hold must fit Stripe's shapes, the ledger's own additions apart."""
    extra = {"payment_intent": {"amount_refunded", "disputed"}, "event": {"lost", "attempts"}}
    kinds = ("sessions", "payment_intents", "charges", "refunds", "disputes", "balance_transactions", "events")
    shapes = [shape for kind in kinds for shape in ledger[kind]]
    return [
        fault
        for shape in shapes
        for fault in faults_of({k: v for k, v in shape.items() if k not in extra.get(shape["object"], ())})
    ]
