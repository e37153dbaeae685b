"""Stripe as the refund lane needs it: what was refunded already, and one refund (contracts.md section 2)."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import stripe
from pydantic import SecretStr

CONNECT_S = 5.0
CALLS = 3  # at most: list, create, list again


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """The frozen facts of one refund: every repeat sends exactly these (traps 28 and 30)."""

    refund_id: UUID
    job_id: UUID
    payment_intent: str
    amount_cents: int
    reason: str
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class RefundState:
    """How our refund stands at Stripe."""

    stripe_refund: str
    status: Literal["pending", "requires_action", "succeeded", "failed"]
    failure: str | None


@dataclass(frozen=True, slots=True)
class RefundedElsewhere:
    """Nothing is left to refund: others (the dashboard) have refunded this many cents in all."""

    refunded_cents: int


@dataclass(frozen=True, slots=True)
class RefundRejected:
    """Stripe's final word: no repeat will help until a person has acted."""

    why: str


@dataclass(frozen=True, slots=True)
class RefundUnclear:
    """No answer, or a passing error: ask again later."""

    why: str


RefundAnswer = RefundState | RefundedElsewhere | RefundRejected | RefundUnclear

_STATES = {
    "pending": "pending",
    "requires_action": "requires_action",
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "failed",
}


class Refunds:
    """Refunds through Stripe's API. Thread-safe; never raises for what Stripe or the network does."""

    def __init__(self, key: SecretStr, base: str, timeout_s: float) -> None:
        self._client = stripe.StripeClient(
            key.get_secret_value(),
            base_addresses={"api": base},
            max_network_retries=0,
            http_client=stripe.RequestsClient(timeout=(min(CONNECT_S, timeout_s), timeout_s)),
        )

    def refund(self, order: RefundOrder) -> RefundAnswer:
        """Read what has been refunded, then refund what this order says, if it was not done before."""
        try:
            listed = list(self._client.v1.refunds.list({"payment_intent": order.payment_intent, "limit": 100}))
            ours = next((r for r in listed if _ours(r, order)), None)
            return _state(ours) if ours else self._create(order)
        except stripe.StripeError as error:
            return self._judge(order, error)

    def _create(self, order: RefundOrder) -> RefundAnswer:
        return _state(
            self._client.v1.refunds.create(
                {
                    "payment_intent": order.payment_intent,
                    "amount": order.amount_cents,
                    "reason": "requested_by_customer",
                    "metadata": {
                        "job_id": str(order.job_id),
                        "refund_id": str(order.refund_id),
                        "failure_reason": order.reason,
                    },
                },
                {"idempotency_key": order.idempotency_key},
            )
        )

    def _judge(self, order: RefundOrder, error: stripe.StripeError) -> RefundAnswer:
        if error.code == "charge_already_refunded":
            return self._elsewhere(order)
        why = f"{type(error).__name__}: {error.code or error.http_status or 'no answer'}"
        final = isinstance(error, stripe.InvalidRequestError | stripe.CardError)
        return RefundRejected(f"{why}: {error.user_message or ''}".rstrip(": ")) if final else RefundUnclear(why)

    def _elsewhere(self, order: RefundOrder) -> RefundAnswer:
        try:
            listed = self._client.v1.refunds.list({"payment_intent": order.payment_intent, "limit": 100})
            return RefundedElsewhere(sum(r.amount for r in listed if r.status not in {"failed", "canceled"}))
        except stripe.StripeError as error:
            return RefundUnclear(f"{type(error).__name__} while reading what was refunded")


def _ours(refund: stripe.Refund, order: RefundOrder) -> bool:
    metadata = refund.metadata.to_dict() if refund.metadata else {}
    return metadata.get("refund_id") == str(order.refund_id)


def _state(refund: stripe.Refund) -> RefundState:
    status = _STATES.get(refund.status or "pending", "pending")
    return RefundState(refund.id, status, getattr(refund, "failure_reason", None))  # type: ignore[arg-type] # from the table
