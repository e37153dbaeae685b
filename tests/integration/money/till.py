"""The shop's till without its processes: Stripe's stand-in in memory, our rows on a real PostgreSQL, no broker.

Events are handed to ingest's own functions, in whatever order and however often a test likes.
"""

import itertools
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import Any
from uuid import UUID

from common import jobs, orders
from common.database import Database
from common.deliveries import Delivery, Subscription
from common.events import Event, UpscaleFailed
from common.jobs import Job
from common.lane import Item, Lane
from common.metrics import Metrics
from common.refunds import StripeRefund, seen_of
from common.runtime import LaneRunner
from sandbox.stripe.books import Books, RefundPlan
from sandbox.stripe.inputs import RefundCreate, SessionCreate
from sandbox.stripe.journal import Journal
from sandbox.stripe.records import Charge, Refund, Session
from sandbox.stripe.refusals import Refusal
from sandbox.stripe.shapes import render
from services.finisher.handler_refund import Refund as RefundLane
from services.finisher.settings import RefundSettings
from services.finisher.stripe import RefundAnswer, RefundedElsewhere, RefundOrder, RefundRejected, RefundState
from services.ingest.edge import Parts
from services.ingest.money.stripe import Session as PaymentPage
from services.ingest.money.stripe import session_of
from services.ingest.money.stripe_events import receive
from services.ingest.settings import IngestSettings
from tests.integration.life.rows import PLANS, ordered
from tests.unit import builders

PRICE = 192
NOBODY = Subscription([], 1, lambda _delivery: None)


@dataclass
class Published:
    """What was published after commits."""

    events: list[Event] = field(default_factory=list)
    ready: bool = True

    def publish(self, events: Sequence[Event]) -> None:
        self.events += events


class Bank:
    """Stripe's books in memory, and the answers that ingest and the refund lane get from them."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.mark = f"_{secrets.token_hex(6)}"  # the end of all its names: no two banks share one
        self._numbers = itertools.count(1)
        journal = Journal(lambda: 1_800_000_000, self._new_id, lambda event: self.events.append(render(event)))
        self.books = Books(journal)
        self.plans: list[RefundPlan] = []

    def _new_id(self, prefix: str) -> str:
        return f"{prefix}{next(self._numbers)}{self.mark}"

    def session(self, session_id: str) -> PaymentPage:
        return session_of(render(self.books.tables.get(Session, session_id)))

    def session_of_intent(self, payment_intent: str) -> PaymentPage | None:
        pages = [s for s in self.books.tables.every(Session) if s.payment_intent == payment_intent]
        return session_of(render(pages[0])) if pages else None

    def refunds(self, payment_intent: str) -> tuple[StripeRefund, ...]:
        rows = self.books.tables.every(Refund)
        return tuple(seen_of(render(r)) for r in rows if r.payment_intent == payment_intent)

    def refund(self, order: RefundOrder) -> RefundAnswer:
        """As services.finisher.stripe.Refunds asks: read first, then refund what is left."""
        others = self.refunds(order.payment_intent)
        ours = next((seen for seen in others if seen.ours == order.refund_id), None)
        if ours:
            return RefundState(ours, others)
        if sum(o.amount_cents for o in others if o.state != "failed") + order.amount_cents > order.charged_cents:
            return RefundedElsewhere(others)
        metadata = {"job_id": str(order.job_id), "refund_id": str(order.refund_id)}
        asked = RefundCreate(payment_intent=order.payment_intent, amount=order.amount_cents, metadata=metadata)
        plan = self.plans.pop() if self.plans else RefundPlan()
        try:
            return RefundState(seen_of(self.books.refund(asked, plan)), others)
        except Refusal as refusal:
            return RefundRejected(refusal.message, others)

    @property
    def charges(self) -> list[Charge]:
        return [charge for charge in self.books.tables.every(Charge) if charge.status == "succeeded"]

    @property
    def charged(self) -> int:
        return sum(charge.amount for charge in self.charges)

    @property
    def refunded(self) -> int:
        return sum(r.amount for r in self.books.tables.every(Refund) if r.status == "succeeded")


class Till:
    """Ingest's parts and the refund lane, on one database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.bank = Bank()
        self.published = Published()
        settings = builders.settings(IngestSettings, stripe_webhook_secret="whsec_x")
        parts: dict[str, Any] = dict.fromkeys(part.name for part in fields(Parts))  # what no event needs is left out
        parts |= {"settings": settings, "plans": PLANS, "database": database}
        self.edge = Parts(**parts | {"stripe": self.bank, "publisher": self.published})
        lane = RefundLane(builders.settings(RefundSettings), PLANS)
        lane._stripe = self.bank  # type: ignore[assignment] # noqa: SLF001 - the same calls, answered in memory
        self.runner = LaneRunner(lane, database, PLANS, Metrics())

    def set(self, **settings: Any) -> None:
        """From now on ingest has these settings."""
        self.edge = replace(self.edge, settings=self.edge.settings.model_copy(update=settings))

    def sql(self, statement: str, *values: object) -> list[Any]:
        with self.database.transaction() as tx:
            cursor = tx.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def order(self) -> UUID:
        """An unpaid order with its payment page at Stripe."""
        with self.database.transaction() as tx:
            job_id = ordered(tx)
            page = self.bank.books.open_session(_page_of(job_id), "http://pay.example")
            orders.record_session(tx, "test", job_id, page["id"], page["url"])
        return job_id

    def session(self, job_id: UUID) -> str:
        return str(self.sql("SELECT session_id FROM jobs WHERE job_id = %s", job_id)[0][0])

    def pay(self, job_id: UUID) -> str:
        """The customer pays; the payment intent. Nobody has been told yet."""
        return str(self.bank.books.pay(self.session(job_id), "mia@customer.example")["payment_intent"])

    def paid(self) -> tuple[UUID, str]:
        job_id = self.order()
        intent = self.pay(job_id)
        self.tell()
        return job_id, intent

    def tell(self) -> list[str]:
        """Hand all events since the last time to ingest, in their order."""
        events, self.bank.events = self.bank.events, []
        return [receive(self.edge, event) for event in events]

    def job(self, job_id: UUID) -> Job:
        with self.database.transaction() as tx:
            return jobs.lock(tx, [job_id])[job_id]

    def lane(self, lane: Lane, event: Event) -> None:
        """One event through a lane that asks nobody outside this process, as its threads run it."""
        runner = LaneRunner(lane, self.database, PLANS, Metrics())
        item = Item(Delivery(event.queue, b"", False, 1, 1, NOBODY), event, 0.0)  # noqa: FBT003 - not redelivered
        runner.decide([item])
        if item.asked:
            item.answer = lane.ask(item.about)
            runner.decide([item])

    def refund_lane(self, job_id: UUID) -> None:
        """One upscale.failed through the refund lane, as its threads run it."""
        for item in self.begin(job_id):
            self.call_and_finish(item)

    def begin(self, job_id: UUID) -> list[Item]:
        event = UpscaleFailed(job_id=job_id)
        item = Item(Delivery(event.queue, b"", False, 1, 1, NOBODY), event, 0.0)  # noqa: FBT003 - not redelivered
        self.runner.decide([item])
        return [item] if item.asked else []

    def call_and_finish(self, item: Item) -> None:
        item.answer = self.bank.refund(item.about)
        self.runner.decide([item])

    def reasons(self, job_id: UUID) -> list[str]:
        return [row[0] for row in self.sql("SELECT reason FROM attention WHERE job_id = %s AND closed_at IS NULL"
                                           " ORDER BY attention_id", job_id)]  # fmt: skip

    def with_stripe(self, stripe: Any) -> Parts:
        """Ingest's parts with this bank behind them."""
        return replace(self.edge, stripe=stripe)

    def balance(self, account: str, orders: Sequence[UUID] | None = None) -> int:
        """Cents in an account, of these orders or of all: its debits less its credits."""
        (total,) = self.sql(
            """SELECT COALESCE(sum(CASE WHEN debit = %s THEN amount_cents ELSE -amount_cents END), 0)
               FROM ledger WHERE %s IN (debit, credit) AND (%s::uuid[] IS NULL OR job_id = ANY(%s::uuid[]))""",
            account, account, orders, orders,
        )  # fmt: skip
        return int(total[0])

    def facts(self, job_id: UUID) -> list[str]:
        rows = self.sql("SELECT kind FROM ledger WHERE job_id = %s ORDER BY kind", job_id)
        return [row[0] for row in rows]


def _page_of(job_id: UUID) -> SessionCreate:
    metadata = {"job_id": str(job_id), "resolution": "4x", "source": "enlarger"}
    return SessionCreate.model_validate(
        {
            "mode": "payment",
            "line_items": [
                {"price_data": {"currency": "usd", "unit_amount": PRICE, "product_data": {"name": "4x enlargement"}}}
            ],
            "success_url": "https://shop.example/",
            "metadata": metadata,
            "payment_intent_data": {"metadata": metadata},
        }
    )


@contextmanager
def open_till(database_url: str) -> Iterator[Till]:
    database = Database(database_url, max_size=24)
    database.open()
    try:
        yield Till(database)
    finally:
        database.close()
