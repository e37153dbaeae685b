"""An order's way through the stages, read from its history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# Who moves a job on from each stage, and how that is called where people read it (design section 4).
LABELS = {
    "checkout": "pay",
    "submit": "submit",
    "watch": "enlarge",
    "fetch": "check and store",
    "refund": "refund",
    "announce": "mail",
}
WORKERS = {
    "checkout": "ingest",
    "submit": "submitter",
    "watch": "poller",
    "fetch": "finisher",
    "refund": "finisher",
    "announce": "notifier",
}
DELIVERED = ("checkout", "submit", "watch", "fetch", "announce")
REFUNDED = ("checkout", "submit", "watch", "refund", "announce")
_OVER = ("remind", "keep", "settled")


@dataclass(frozen=True)
class Visit:
    """A stay in one stage: when it began, and how long it took; `seconds` is None while it lasts."""

    stage: str
    began: datetime
    seconds: float | None


@dataclass(frozen=True)
class Journey:
    status: str
    stage: str
    visits: Sequence[Visit]

    @property
    def over(self) -> bool:
        return self.stage in _OVER

    @property
    def worker(self) -> str:
        """Who has to move this order on."""
        return WORKERS.get(self.stage, "poller")

    def seconds_in(self, stage: str) -> float | None:
        """How long the order was in `stage`; None when it has not left it."""
        known = [visit.seconds for visit in self.visits if visit.stage == stage and visit.seconds is not None]
        return sum(known) if known else None


def read(order: Mapping[str, Any]) -> Journey:
    """From the merchant API's answer."""
    moves = [
        (str(event["to_stage"]), datetime.fromisoformat(event["at"]))
        for event in order["history"]
        if event["to_stage"] and event["to_stage"] != event["from_stage"]
    ]
    left = [began for _, began in moves[1:]]
    visits = [
        Visit(stage, began, (left[number] - began).total_seconds() if number < len(left) else None)
        for number, (stage, began) in enumerate(moves)
    ]
    return Journey(str(order["status"]), str(order["stage"]), visits)
