"""What an order's row means to its customer: status, stage and progress in plain words. No I/O."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from common.stages import Stage, Status

DEFAULT_EXPECTED_S = 60.0
SUBMITTED, WATCHED, FETCHED = 0.05, (0.1, 0.8), 0.85

FAILURES = {
    "promise": "We could not finish this enlargement in time.",
    "timeout": "The enlargement took too long and was given up.",
    "picture_refused": "The enlarger could not work with this picture.",
}
FAILED = "We could not make this enlargement."


@dataclass(frozen=True, slots=True)
class Order:
    """An order's row as its customer may see it. `watch_at`, `fetch_at`: when it first got that far."""

    ticket: str
    status: Status
    stage: Stage
    created_at: datetime
    paid_at: datetime | None
    completed_at: datetime | None
    promise_at: datetime | None
    watch_at: datetime | None
    fetch_at: datetime | None
    now: datetime
    failure_reason: str | None
    charged_cents: int
    refunded_cents: int
    amount_cents: int
    currency: str
    factor: int
    source_width: int
    source_height: int
    held: bool
    checkout_url: str | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", Status(self.status))
        object.__setattr__(self, "stage", Stage(self.stage))

    @property
    def under_way(self) -> bool:
        """Whether the customer may expect this to change by itself soon."""
        return self.status in {Status.AWAITING_PAYMENT, Status.PENDING, Status.PROCESSING, Status.FAILED}


def plugin_status(order: Order) -> str:
    """The plugin stops at `completed` and `failed`; a refunded order is a failed one to it (contracts.md)."""
    return Status.FAILED if order.status is Status.REFUNDED else order.status


def payment_status(charged_cents: int, refunded_cents: int) -> str:
    """From amounts alone."""
    if not charged_cents:
        return "pending"
    if not refunded_cents:
        return "paid"
    return "refunded" if refunded_cents >= charged_cents else "partially_refunded"


def customer_stage(order: Order) -> str:
    """One of queued, processing, finishing, completed, failed."""
    match order.status:
        case Status.COMPLETED:
            return "completed"
        case Status.FAILED | Status.REFUNDED | Status.ABANDONED:
            return "failed"
        case Status.AWAITING_PAYMENT:
            return "queued"
    if order.fetch_at:
        return "finishing"
    return "processing" if order.watch_at else "queued"


def progress(order: Order, expected_s: float) -> float:
    """0 to 1. It reads when stages were *first* reached, so a second attempt never takes anything back."""
    if order.status in {Status.COMPLETED, Status.FAILED, Status.REFUNDED, Status.ABANDONED}:
        return 1.0
    if order.status is Status.AWAITING_PAYMENT:
        return 0.0
    if order.fetch_at:
        return FETCHED
    if order.watch_at:
        low, high = WATCHED
        elapsed_s = (order.now - order.watch_at).total_seconds()
        return round(low + (high - low) * min(max(elapsed_s / expected_s, 0.0), 1.0), 3)
    return SUBMITTED


def estimated_completion(order: Order, expected_s: float) -> datetime | None:
    """When it should be done; None once that is past, or when nothing is being made."""
    if order.paid_at is None or order.status not in {Status.PENDING, Status.PROCESSING}:
        return None
    expected_at = order.paid_at + timedelta(seconds=expected_s)
    return expected_at if expected_at > order.now else None


def failure(order: Order) -> str | None:
    """Why there is no picture, and where the money is."""
    if order.status is Status.ABANDONED:
        return "This order was not paid. Nothing was charged."
    if order.status not in {Status.FAILED, Status.REFUNDED}:
        return None
    why = FAILURES.get(order.failure_reason or "", FAILED) if not order.completed_at else "This order was refunded."
    match payment_status(order.charged_cents, order.refunded_cents):
        case "pending":
            return f"{why} Nothing was charged."
        case "refunded":
            return f"{why} You were refunded in full; it shows on your statement within five to ten days."
        case _:
            return f"{why} Your refund is on its way; there is nothing you need to do."
