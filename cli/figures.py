"""What a run of `./enlarger load` measured: seconds in each stage, as percentiles, and CPU for one order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from cli.journey import DELIVERED, LABELS, read


class Measured(Protocol):
    """The buyers, when they are done."""

    asked: int
    rate: float
    refused: int
    seconds: list[float]


@dataclass(frozen=True)
class Spread:
    """Seconds: half of all took no longer than `p50`, and so on."""

    p50: float
    p95: float
    p99: float
    longest: float


@dataclass(frozen=True)
class Figures:
    asked: int
    delivered: int
    refused: int
    rate: float
    seconds: Mapping[str, Spread]
    cpu_s_per_order: Mapping[str, float]


def figures(buyers: Measured, orders: Sequence[Mapping[str, Any]], cpu_s: Mapping[str, float]) -> Figures:
    """`orders` as the merchant's API tells them; `cpu_s` of each worker while they ran."""
    journeys = [read(order) for order in orders]
    delivered = [(order, journey) for order, journey in zip(orders, journeys, strict=True) if journey.over]
    seconds = {"the checkout page": spread(buyers.seconds)}
    for stage in DELIVERED:
        if stage != "checkout":  # how long the customer takes to pay
            taken = [journey.seconds_in(stage) for _, journey in delivered]
            seconds[LABELS[stage]] = spread([one for one in taken if one is not None])
    seconds["payment to mail"] = spread([_from_payment(order) for order, _ in delivered])
    each = max(len(delivered), 1)
    return Figures(
        buyers.asked,
        len(delivered),
        buyers.refused,
        buyers.rate,
        seconds,
        {name: spent / each for name, spent in cpu_s.items()},
    )


def spread(values: Sequence[float]) -> Spread:
    """By nearest rank; of nothing, zeros."""
    ranked = sorted(values) or [0.0]

    def at(share: float) -> float:
        return ranked[min(int(share * len(ranked)), len(ranked) - 1)]

    return Spread(at(0.5), at(0.95), at(0.99), ranked[-1])


def _from_payment(order: Mapping[str, Any]) -> float:
    """From the payment's record to the moment at which the mail was accepted."""
    moves = {event["to_stage"]: datetime.fromisoformat(event["at"]) for event in reversed(order["history"])}
    return (moves["remind"] - moves["submit"]).total_seconds()
