"""What an order's row means to its customer: status, stage and progress in plain words. No I/O."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from common.language import mark, translate
from common.stages import Stage, Status
from common.wording import OTHER_REASON, REASONS, REFUND_SHOWS

DEFAULT_EXPECTED_S = 60.0
SUBMITTED, WATCHED, FETCHED = 0.05, (0.1, 0.8), 0.85

UNPAID = mark("This order was not paid. Nothing was charged.")
REFUNDED_LATER = mark("This order was refunded.")
NO_CHARGE = mark("Nothing was charged.")
REFUNDED_IN_FULL = mark("You were refunded in full.")
DISPUTED = mark("This payment is disputed: your bank decides about it.")
REFUND_COMES = mark("Your refund is on its way; there is nothing you need to do.")


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
    email: str | None = None
    locale: str = "en"
    untouched: bool = False  # nothing was ever handed to the provider, nor is being handed now
    disputed: bool = False  # with the bank: a dispute is open, or was lost

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


def payment_status(charged_cents: int, refunded_cents: int, *, disputed: bool = False) -> str:
    """From amounts, and a dispute that is open or was lost (an inquiry is none)."""
    if not charged_cents:
        return "pending"
    if disputed and refunded_cents < charged_cents:
        return "disputed"
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


def failure(order: Order, language: str = "en") -> str | None:
    """Why there is no picture, where the money is, and when it shows."""
    if order.status is Status.ABANDONED:
        return translate(UNPAID, language)
    if order.status not in {Status.FAILED, Status.REFUNDED}:
        return None
    told = [REFUNDED_LATER] if order.completed_at else [REASONS.get(order.failure_reason or "", OTHER_REASON)]
    match payment_status(order.charged_cents, order.refunded_cents, disputed=order.disputed):
        case "pending":
            told += [NO_CHARGE]
        case "refunded":
            told += [REFUNDED_IN_FULL, REFUND_SHOWS]
        case "disputed":
            told += [DISPUTED]
        case _:
            told += [REFUND_COMES, REFUND_SHOWS]
    return " ".join(translate(text, language) for text in told)


def cancellable(order: Order) -> bool:
    """Whether the customer may still have the money back for nothing: paid, and nothing was submitted."""
    return order.status is Status.PENDING and order.stage is Stage.SUBMIT and order.untouched and not order.held
