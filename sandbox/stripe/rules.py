"""Stripe's rules that need no books: amounts, times, parameters that exclude each other."""

from sandbox.stripe.inputs import SessionCreate
from sandbox.stripe.refusals import Refusal, invalid

MINIMUM_CENTS = 50
SESSION_MIN_S, SESSION_MAX_S = 30 * 60, 24 * 3600
# A client reckons from its own clock, and its request takes a moment to arrive.
LEEWAY_S = 60
# What may become of a refund.
REFUND_MOVES: dict[str, tuple[str, ...]] = {
    "pending": ("requires_action", "succeeded", "failed", "canceled"),
    "requires_action": ("pending", "succeeded", "failed", "canceled"),
    "succeeded": ("failed",),
}
# An open dispute before and after the merchant has answered it.
INQUIRY, CHARGEBACK = ("warning_needs_response", "warning_under_review"), ("needs_response", "under_review")


def one_currency(asked: SessionCreate) -> str:
    currencies = {item.price_data.currency.lower() for item in asked.line_items}
    if len(currencies) > 1:
        text = "All line items of a Checkout Session must have the same currency."
        raise invalid(text, None, "line_items")
    return currencies.pop()


def expiry(asked: int | None, now: int) -> int:
    if asked is None:
        return now + SESSION_MAX_S
    if asked < now + SESSION_MIN_S - LEEWAY_S:
        text = "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation."
        raise invalid(text, None, "expires_at")
    if asked > now + SESSION_MAX_S + LEEWAY_S:
        text = "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation."
        raise invalid(text, None, "expires_at")
    return asked


def total(asked: SessionCreate, currency: str) -> int:
    amount = sum(item.price_data.unit_amount * item.quantity for item in asked.line_items)
    if amount < MINIMUM_CENTS:
        text = f"The Checkout Session's total amount must be at least 50 cents in {currency}, not {amount}."
        raise Refusal(400, text, "amount_too_small", "line_items")
    return amount


def charge_fee(amount: int) -> int:
    """Stripe's usual 2.9 % + 30 cents, rounded half up to the cent."""
    return (amount * 29 + 500) // 1000 + 30


def exactly_one(payment_intent: str | None, charge: str | None) -> None:
    if payment_intent and charge:
        text = "You may only specify one of these parameters: payment_intent, charge."
        raise invalid(text, "parameters_exclusive", "charge")
    if not payment_intent and not charge:
        text = "One of the following params should be provided for this request: payment_intent or charge."
        raise invalid(text, "parameter_missing", None)
