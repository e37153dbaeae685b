"""Histories at Stripe, drawn by chance, and the same history told twice: to two sets of orders, in two orders."""

import json
import secrets
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any, Literal
from uuid import UUID

from common import orders
from common.refunds import StripeRefund
from sandbox.stripe.books import RefundPlan
from sandbox.stripe.inputs import RefundCreate
from sandbox.stripe.records import Dispute, Refund, Transaction
from sandbox.stripe.refusals import Refusal
from services.ingest.money.stripe import Session as PaymentPage
from services.ingest.money.stripe_events import receive
from tests.integration.life.rows import ordered
from tests.integration.money.till import Bank, Till

Way = Literal["card", "debit", "debit fails", "debit waits", "expires"]
PAYMENTS: tuple[Way, ...] = ("card", "card", "card", "card", "debit", "debit", "debit fails", "debit waits", "expires")
LONGEST = 8


def a_history(chances: Random) -> tuple[Way, list[tuple[Any, ...]]]:
    """How an order was paid, and what befell its payment then."""
    return chances.choice(PAYMENTS), [_a_step(chances) for _ in range(chances.randint(1, LONGEST))]


def _a_step(chances: Random) -> tuple[Any, ...]:
    match chances.choice(("refund", "refund", "bank says", "dispute", "review", "close", "close", "escalate")):
        case "refund":
            return "refund", chances.choice((None, 1, 50, 191)), chances.choice(("succeeded", "pending"))
        case "bank says":
            return "bank says", chances.choice(("succeeded", "failed", "requires_action", "canceled"))
        case "dispute":
            return "dispute", chances.choice(("needs_response", "warning_needs_response"))
        case "close":
            return "close", chances.choice(("won", "lost", "warning_closed"))
        case "review":
            return ("review",)
    return ("escalate",)


def happen(till: Till, job_id: UUID, payment: Way, steps: list[Any]) -> None:
    """Let it happen at Stripe; what Stripe refuses does not."""
    books, session = till.bank.books, till.session(job_id)
    if payment == "expires":
        books.expire_session(session)
        return
    paid = books.pay(session, "mia@customer.example", "card" if payment == "card" else "us_bank_account")
    if payment in {"debit", "debit fails"}:
        books.settle(session, succeeded=payment == "debit")
    for step in steps:
        with suppress(Refusal):
            _step(till.bank, str(paid["payment_intent"]), *step)


def _step(bank: Bank, intent: str, what: str, *how: Any) -> None:
    books = bank.books
    refunds = [r for r in books.tables.every(Refund) if r.payment_intent == intent]
    disputes = [d for d in books.tables.every(Dispute) if d.payment_intent == intent]
    match what:
        case "refund":
            books.refund(RefundCreate(payment_intent=intent, amount=how[0]), RefundPlan(how[1]))
        case "bank says" if refunds:
            books.move_refund(refunds[-1].id, how[0])
        case "dispute":
            books.dispute(intent, how[0], "fraudulent")
        case "close" if disputes:
            books.close_dispute(disputes[-1].id, how[0])
        case "review" if disputes:
            books.review_dispute(disputes[-1].id)
        case "escalate" if disputes:
            books.escalate_dispute(disputes[-1].id)


@dataclass
class World:
    """The orders that hear of the history; `renames`: what things are called here."""

    till: Till
    orders: dict[UUID, UUID]
    renames: dict[str, str]

    @classmethod
    def of(cls, till: Till, job_ids: list[UUID]) -> "World":
        """A twin of these orders, with names of its own for everything at Stripe."""
        mark = till.bank.mark
        renames = {mark: f"_{secrets.token_hex(6)}"}
        twins: dict[UUID, UUID] = {}
        for job_id in job_ids:
            with till.database.transaction() as tx:
                twins[job_id] = ordered(tx)
                session = till.session(job_id).replace(mark, renames[mark])
                orders.record_session(tx, "test", twins[job_id], session, None)
            renames[str(job_id)] = str(twins[job_id])
        return cls(till, twins, renames)

    def hear(self, event: dict[str, Any]) -> str:
        told: dict[str, Any] = json.loads(self.called(json.dumps(event)))
        return receive(self.till.with_stripe(_TwinBank(self)), told)

    def called(self, text: str) -> str:
        for name, here in self.renames.items():
            text = text.replace(name, here)
        return text

    def known_as(self, text: str) -> str:
        for name, here in self.renames.items():
            text = text.replace(here, name)
        return text

    def books(self) -> list[tuple[Any, ...]]:
        """Every entry, under the names that the first telling used."""
        rows = self.till.sql("SELECT job_id::text, fact, kind, debit, credit, amount_cents, currency FROM ledger"
                             " WHERE job_id = ANY(%s)", list(self.orders.values()))  # fmt: skip
        return sorted((self.known_as(row[0]), self.known_as(row[1]), *row[2:]) for row in rows)

    def ends(self) -> dict[UUID, tuple[int, int]]:
        """What each order believes of its money: charged and refunded cents."""
        found = {old: self.till.job(new) for old, new in self.orders.items()}
        return {old: (job.charged_cents, job.refunded_cents) for old, job in found.items()}


class _TwinBank:
    """The bank's answers, in this world's words."""

    def __init__(self, world: World) -> None:
        self._world = world

    def refunds(self, payment_intent: str) -> tuple[StripeRefund, ...]:
        known = self._world.till.bank.refunds(self._world.known_as(payment_intent))
        called = self._world.called
        return tuple(
            StripeRefund(called(r.stripe_refund), payment_intent, r.amount_cents, r.state, moved=r.moved) for r in known
        )

    def session(self, session_id: str) -> PaymentPage:
        return self._world.till.bank.session(self._world.known_as(session_id))


def stripes_balance(bank: Bank) -> int:
    """Cents: every line of Stripe's balance, less its fee."""
    return sum(entry.amount - entry.fee for entry in bank.books.tables.every(Transaction))
