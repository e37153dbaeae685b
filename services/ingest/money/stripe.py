"""Stripe: sessions and the signatures of its webhooks. The one place that imports the library; its errors become ours.

https://docs.stripe.com/api/checkout/sessions and https://docs.stripe.com/webhooks#verify-manually
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import stripe
from stripe import RequestsClient, StripeClient

from common import logs, tracing
from common.refunds import StripeRefund, seen_of
from services.ingest.metrics import STRIPE_CALLS, STRIPE_SECONDS

TIMEOUT_S = (3.05, 12.0)
TOLERANCE_S = 300
T = TypeVar("T")


class StripeAwayError(Exception):
    """Stripe did not answer, or not with a decision: ask again later."""


class StripeRefusedError(Exception):
    """Stripe answered no. The text is Stripe's, for the log."""


class BadSignatureError(Exception):
    """Not signed by Stripe with one of our secrets, or not now."""


@dataclass(frozen=True, slots=True)
class Session:
    """A Checkout Session as far as it matters here. `amount_cents` is what the customer pays in all."""

    session_id: str
    status: str | None
    payment_status: str
    amount_cents: int | None
    currency: str | None
    live: bool
    payment_intent: str | None
    email: str | None
    url: str | None
    success_url: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def paid(self) -> bool:
        return self.payment_status in {"paid", "no_payment_required"}


@dataclass(frozen=True, slots=True)
class StripeCharge:
    """A payment as Stripe's books have it. `refunded_cents` counts refunds that are still pending; `ours`: Enlarger
    opened its payment page.
    """

    payment_intent: str
    amount_cents: int
    refunded_cents: int
    ours: bool


@dataclass(frozen=True, slots=True)
class Purchase:
    """What a payment page is opened for. `metadata` stands on the session and on its payment intent, `record` on the
    session alone.
    """

    title: str
    amount_cents: int
    currency: str
    metadata: dict[str, str]
    success_url: str
    cancel_url: str
    email: str | None
    idempotency_key: str
    record: dict[str, str] = field(default_factory=dict)


class Traced(RequestsClient):
    """The order's trace goes on at Stripe's door (https://www.w3.org/TR/trace-context/)."""

    def request(self, method: str, url: str, headers: Mapping[str, str] | None, *rest: Any, **more: Any) -> Any:
        return super().request(method, url, {**(headers or {}), **tracing.headers(logs.traceparent())}, *rest, **more)


class Stripe:
    """The account behind one API key. Any thread may call it."""

    def __init__(self, api_key: str, api_base: str) -> None:
        self._client = StripeClient(
            api_key,
            base_addresses={"api": api_base},
            http_client=Traced(timeout=TIMEOUT_S),
            max_network_retries=1,
        )

    def open_session(self, purchase: Purchase) -> Session:
        """Open a payment page; the same key answers the same session. Raises StripeAwayError, StripeRefusedError."""
        params = session_params(purchase)
        options: Any = {"idempotency_key": purchase.idempotency_key}
        return session_of(_asked("open", lambda: self._client.v1.checkout.sessions.create(params, options)).to_dict())

    def session(self, session_id: str) -> Session:
        """Raises StripeAwayError, StripeRefusedError."""
        return session_of(_asked("session", lambda: self._client.v1.checkout.sessions.retrieve(session_id)).to_dict())

    def session_of_intent(self, payment_intent: str) -> Session | None:
        """The session that made this payment. Raises StripeAwayError, StripeRefusedError."""
        params: Any = {"payment_intent": payment_intent, "limit": 1}
        found = _asked("session", lambda: self._client.v1.checkout.sessions.list(params)).data
        return session_of(found[0].to_dict()) if found else None

    def refunds(self, payment_intent: str) -> tuple[StripeRefund, ...]:
        """All refunds of this payment. Raises StripeAwayError, StripeRefusedError."""
        params: Any = {"payment_intent": payment_intent, "limit": 100}
        listed = _asked("refunds", lambda: list(self._client.v1.refunds.list(params).auto_paging_iter()))
        return tuple(seen_of(refund.to_dict()) for refund in listed)

    def charges(self, created: dict[str, int], payment_intent: str | None = None) -> Iterator[StripeCharge]:
        """The payments that succeeded, `created` as Stripe filters it. Raises StripeAwayError, StripeRefusedError."""
        params: Any = {"limit": 100}
        params |= {"created": created} if created else {}
        params |= {"payment_intent": payment_intent} if payment_intent else {}
        listed = _asked("charges", lambda: list(self._client.v1.charges.list(params).auto_paging_iter()))
        for charge in (one.to_dict() for one in listed):
            intent = charge.get("payment_intent")
            if charge["status"] == "succeeded" and isinstance(intent, str):
                ours = (charge.get("metadata") or {}).get("source") == "enlarger"
                yield StripeCharge(intent, charge["amount_captured"], charge["amount_refunded"], ours)

    def sessions(self, since: int) -> list[Session]:
        """Every payment page opened since then (Unix seconds). Raises StripeAwayError, StripeRefusedError."""
        params: Any = {"limit": 100, "created": {"gte": since}}
        listed = _asked("session", lambda: list(self._client.v1.checkout.sessions.list(params).auto_paging_iter()))
        return [session_of(session.to_dict()) for session in listed]

    def events(self, since: int) -> list[dict[str, Any]]:
        """All events since then (Unix seconds), oldest first; Stripe keeps them for 30 days. Raises as `sessions`."""
        params: Any = {"limit": 100, "created": {"gte": since}}
        listed = _asked("events", lambda: list(self._client.v1.events.list(params).auto_paging_iter()))
        return [event.to_dict() for event in reversed(listed)]

    def expire(self, session_id: str) -> Session:
        """Close an open payment page. Raises StripeRefusedError when it is not open any more, StripeAwayError."""
        options: Any = {"idempotency_key": f"expire:{session_id}"}
        return session_of(
            _asked("expire", lambda: self._client.v1.checkout.sessions.expire(session_id, options=options)).to_dict()
        )


def session_params(purchase: Purchase) -> Any:
    """What a payment page is opened with: one line item, at the price that was quoted, in cents."""
    item = {
        "quantity": 1,
        "price_data": {
            "currency": purchase.currency,
            "unit_amount": purchase.amount_cents,
            "product_data": {"name": purchase.title},
        },
    }
    params = {
        "mode": "payment",
        "line_items": [item],
        "metadata": purchase.metadata | purchase.record,
        "payment_intent_data": {"metadata": purchase.metadata},
        "success_url": purchase.success_url,
        "cancel_url": purchase.cancel_url,
    }
    return params | ({"customer_email": purchase.email} if purchase.email else {})


def session_of(body: dict[str, Any]) -> Session:
    """Read a session's JSON. The address is the one given on the page, else the one sent along."""
    intent = body.get("payment_intent")
    return Session(
        session_id=body["id"],
        status=body.get("status"),
        payment_status=body.get("payment_status") or "unpaid",
        amount_cents=body.get("amount_total"),
        currency=body.get("currency"),
        live=bool(body.get("livemode")),
        payment_intent=intent.get("id") if isinstance(intent, dict) else intent,
        email=(body.get("customer_details") or {}).get("email") or body.get("customer_email"),
        url=body.get("url"),
        success_url=body.get("success_url"),
        metadata=body.get("metadata") or {},
    )


def verified(body: bytes, header: str | None, secrets: Sequence[str], now_s: float | None = None) -> dict[str, Any]:
    """The event in a webhook's raw body, signed with any of the secrets at most 300 s ago or ahead.

    Raises BadSignatureError. The library accepts signatures from any distant future; we do not.
    """
    for secret in secrets:
        try:
            event = stripe.Webhook.construct_event(body, header, secret, TOLERANCE_S)
        except (stripe.SignatureVerificationError, ValueError):
            continue
        if _signed_at(header or "") - (time.time() if now_s is None else now_s) > TOLERANCE_S:
            raise BadSignatureError("signed in the future")
        return dict(event.to_dict())
    raise BadSignatureError("no secret fits this signature and body")


def _signed_at(header: str) -> int:
    """The timestamp that the library verified: the first one."""
    return int(next(item.split("=", 2)[1] for item in header.split(",") if item.startswith("t=")))


def _asked(call: str, ask: Callable[[], T]) -> T:
    with STRIPE_SECONDS.labels(call).time():
        try:
            answer = ask()
        except (stripe.APIConnectionError, stripe.RateLimitError, stripe.APIError) as error:
            STRIPE_CALLS.labels(call, "away").inc()
            raise StripeAwayError(f"{type(error).__name__} {error.http_status or ''}".strip()) from error
        except stripe.StripeError as error:
            if error.http_status == 409:  # noqa: PLR2004 - the same key is being worked on
                STRIPE_CALLS.labels(call, "away").inc()
                raise StripeAwayError("the same request is still going on") from error
            STRIPE_CALLS.labels(call, "refused").inc()
            raise StripeRefusedError(f"{type(error).__name__}: {error.user_message or error}") from error
    STRIPE_CALLS.labels(call, "answered").inc()
    return answer
