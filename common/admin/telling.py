"""How the command line and the admin's pages say it: lengths of time, amounts, and what happens to an order next."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

WHAT_NEXT = {
    "checkout": "Stripe is asked whether it was paid",
    "submit": "it is submitted to the provider",
    "watch": "the provider is asked how far it is",
    "fetch": "the result is fetched, checked and stored",
    "refund": "Stripe is asked to give the charge back",
    "announce": "the mail to the customer is sent",
    "remind": "the customer is reminded, if nothing was downloaded",
    "keep": "its files are removed",
}


def money(cents: int, currency: str) -> str:
    """`1.92 USD`."""
    return f"{Decimal(cents) / 100:,.2f} {currency.upper()}"


def ago(now: datetime, when: datetime | None) -> str:
    """`3 min ago`."""
    return f"{span((now - when).total_seconds())} ago" if when else "-"


def until(now: datetime, when: datetime | None) -> str:
    """`in 40 s`; what is due says so."""
    if when is None:
        return "-"
    left_s = (when - now).total_seconds()
    return f"in {span(left_s)}" if left_s > 0 else "due"


def span(seconds: float) -> str:
    """A length of time in its largest unit: `40 s`, `3 min`, `5 h`, `12 d`."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 1.5 * length or (unit == "d" and seconds >= 2 * length):
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def next_step(record: Mapping[str, Any], paused: Sequence[str]) -> str:
    """What wakes the order next and why, in a sentence. `record` as reading.record gives it."""
    if record["wake_at"] is None:
        return "Nothing: the order is settled."
    when = until(record["now"], record["wake_at"])
    when = "now" if when == "due" else when
    if record["wakes_for_promise"]:
        return f"The promise ends {when}: if it is not delivered by then, it fails and is refunded."
    what = WHAT_NEXT[record["stage"]]
    if record["hold_reason"]:
        return f"It is held ({record['hold_reason']}): a person is asked again {when}. Released, {what}."
    tries = f" ({record['tries']} tries have failed)" if record["tries"] else ""
    off = f" But {', '.join(paused)} is paused: nothing happens before it is resumed." if paused else ""
    return f"{when[0].upper()}{when[1:]}, {what}{tries}.{off}"
