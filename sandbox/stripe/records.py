"""The rows of the books. What they look like on the wire stands in `shapes`."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from sandbox.stripe.inputs import SessionCreate

Method = Literal["card", "us_bank_account"]
RefundStatus = Literal["pending", "requires_action", "succeeded", "failed", "canceled"]
DisputeStatus = Literal[
    "warning_needs_response", "warning_under_review", "warning_closed", "needs_response", "under_review", "won", "lost"
]


@dataclass(frozen=True)
class Origin:
    """Whose request caused a change. Empty for what customers, banks and the dashboard do."""

    request_id: str | None = None
    idempotency_key: str | None = None


NOBODY = Origin()


@dataclass(kw_only=True)
class Record:
    object: ClassVar[str]
    prefix: ClassVar[str]
    id: str
    created: int


@dataclass(kw_only=True)
class Session(Record):
    object = "checkout.session"
    prefix = "cs_test_"
    asked: SessionCreate
    amount: int
    currency: str
    expires_at: int
    page_url: str
    status: Literal["open", "complete", "expired"] = "open"
    payment_status: Literal["paid", "unpaid"] = "unpaid"
    payment_intent: str | None = None
    email: str | None = None


@dataclass(kw_only=True)
class Intent(Record):
    object = "payment_intent"
    prefix = "pi_"
    amount: int
    currency: str
    asked: SessionCreate
    method: Method
    payment_method: str
    secret: str
    status: Literal["processing", "succeeded", "requires_payment_method"]
    latest_charge: str


@dataclass(kw_only=True)
class Charge(Record):
    object = "charge"
    prefix = "ch_"
    amount: int
    currency: str
    payment_intent: str
    payment_method: str
    method: Method
    email: str
    description: str | None
    metadata: dict[str, str]
    status: Literal["pending", "succeeded", "failed"]
    amount_refunded: int = 0
    disputed: bool = False
    balance_transaction: str | None = None

    @property
    def left(self) -> int:
        return self.amount - self.amount_refunded


@dataclass(kw_only=True)
class Transaction(Record):
    object = "balance_transaction"
    prefix = "txn_"
    amount: int
    currency: str
    fee: int
    fee_description: str
    source: str
    type: str
    reporting_category: str
    description: str | None = None


@dataclass(kw_only=True)
class Refund(Record):
    object = "refund"
    prefix = "re_"
    amount: int
    currency: str
    charge: str
    payment_intent: str
    method: Method
    email: str
    metadata: dict[str, str]
    reason: str | None
    status: RefundStatus
    pending_reason: str | None = None
    failure_reason: str | None = None
    balance_transaction: str | None = None
    failure_balance_transaction: str | None = None


@dataclass(kw_only=True)
class Dispute(Record):
    object = "dispute"
    prefix = "dp_"
    amount: int
    currency: str
    charge: str
    payment_intent: str
    status: DisputeStatus
    reason: str
    balance_transactions: list[Transaction] = field(default_factory=list)

    @property
    def blocks_refunds(self) -> bool:
        """An inquiry and a won dispute leave the charge refundable (https://docs.stripe.com/disputes)."""
        return self.status in ("needs_response", "under_review", "lost")


@dataclass(kw_only=True)
class Event(Record):
    object = "event"
    prefix = "evt_"
    type: str
    data: dict[str, Any]
    previous: dict[str, Any] | None
    origin: Origin
    pending_webhooks: int = 0
    lost: bool = False
    copies: int = 0
    attempts: list[dict[str, Any]] = field(default_factory=list)
