"""Stripe as the refund lane needs it: what was refunded already, and one refund (contracts.md section 2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import stripe
from pydantic import SecretStr

from common import logs, tracing
from common.refunds import StripeRefund, seen_of

CONNECT_S = 5.0
CALLS = 3  # at most: list, create, list again
SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """The frozen facts of one refund: every repeat sends exactly these (traps 28 and 30). `charged_cents`: what the
    payment was, so that no more is asked for than others have left of it.
    """

    refund_id: UUID
    job_id: UUID
    payment_intent: str
    amount_cents: int
    charged_cents: int
    reason: str
    idempotency_key: str
    key_number: int = 1


@dataclass(frozen=True, slots=True)
class RefundState:
    """Our refund, as it stands at Stripe. `others`: the payment's other refunds, read on the way."""

    refund: StripeRefund
    others: tuple[StripeRefund, ...] = ()


@dataclass(frozen=True, slots=True)
class RefundedElsewhere:
    """Others have refunded too much of the payment for this order: nothing was done."""

    others: tuple[StripeRefund, ...]

    @property
    def pending(self) -> bool:
        """Whether one of them may still fail."""
        return any(other.state in {"pending", "requires_action"} for other in self.others)


@dataclass(frozen=True, slots=True)
class RefundRejected:
    """Stripe's final word: no repeat will help until a person has acted."""

    why: str
    others: tuple[StripeRefund, ...] = ()


@dataclass(frozen=True, slots=True)
class RefundUnclear:
    """No answer, or a passing error: ask again later. `kept`: Stripe repeats an error of its own (5xx) that it keeps
    under this key (https://docs.stripe.com/api/idempotent_requests): until it forgets the key, it answers nothing else.
    """

    why: str
    others: tuple[StripeRefund, ...] = ()
    kept: bool = False


RefundAnswer = RefundState | RefundedElsewhere | RefundRejected | RefundUnclear


class Traced(stripe.RequestsClient):
    """The order's trace goes on at Stripe's door (https://www.w3.org/TR/trace-context/)."""

    def request(self, method: str, url: str, headers: Mapping[str, str] | None, *rest: Any, **more: Any) -> Any:
        return super().request(method, url, {**(headers or {}), **tracing.headers(logs.traceparent())}, *rest, **more)


class Refunds:
    """Refunds through Stripe's API. Thread-safe; never raises for what Stripe or the network does."""

    def __init__(self, key: SecretStr, base: str, timeout_s: float) -> None:
        self._client = stripe.StripeClient(
            key.get_secret_value(),
            base_addresses={"api": base},
            max_network_retries=0,
            http_client=Traced(timeout=(min(CONNECT_S, timeout_s), timeout_s)),
        )

    def refund(self, order: RefundOrder) -> RefundAnswer:
        """Read what has been refunded, then refund what this order says, if it was not done before."""
        others: tuple[StripeRefund, ...] = ()
        try:
            others = self._listed(order)
            ours = next((seen for seen in others if seen.ours == order.refund_id), None)
            if ours:
                return RefundState(ours, others)
            if _given_back(others) + order.amount_cents > order.charged_cents:
                return RefundedElsewhere(others)
            return RefundState(self._create(order), others)
        except stripe.StripeError as error:
            answer = self._judge(order, error)
            return replace(answer, others=answer.others or others)

    def _listed(self, order: RefundOrder) -> tuple[StripeRefund, ...]:
        pages = self._client.v1.refunds.list({"payment_intent": order.payment_intent, "limit": 100})
        return tuple(seen_of(refund.to_dict()) for refund in pages.auto_paging_iter())

    def _create(self, order: RefundOrder) -> StripeRefund:
        created = self._client.v1.refunds.create(
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
        return seen_of(created.to_dict())

    def _judge(
        self, order: RefundOrder, error: stripe.StripeError
    ) -> RefundedElsewhere | RefundRejected | RefundUnclear:
        if error.code == "charge_already_refunded":
            return self._elsewhere(order)
        why = f"{type(error).__name__}: {error.code or error.http_status or 'no answer'}"
        final = isinstance(error, stripe.InvalidRequestError | stripe.CardError)
        if final:
            return RefundRejected(f"{why}: {error.user_message or ''}".rstrip(": "))
        return RefundUnclear(why, kept=_kept(error))

    def _elsewhere(self, order: RefundOrder) -> RefundedElsewhere | RefundUnclear:
        try:
            return RefundedElsewhere(self._listed(order))
        except stripe.StripeError as error:
            return RefundUnclear(f"{type(error).__name__} while reading what was refunded")


def _kept(error: stripe.StripeError) -> bool:
    """Whether this is the repetition of an earlier answer: then that request is over, whatever came of it."""
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    return (error.http_status or 0) >= SERVER_ERROR and headers.get("idempotent-replayed") == "true"


def _given_back(refunds: Sequence[StripeRefund]) -> int:
    """Cents that are given back, or are on their way."""
    return sum(refund.amount_cents for refund in refunds if refund.state != "failed")
