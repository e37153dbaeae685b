"""The books: append-only, double entry, written in the transaction of the fact (design section 1, promise 5).

An entry moves one amount from the account `credit` to the account `debit`. Its key, job and `fact`, names what
happened, so a fact that is told twice is booked once. A mistake is corrected by an entry, never by a change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from uuid import UUID

from common.database import Transaction, keys, unnest


class Kind(StrEnum):
    """What an entry is about."""

    CHARGE = "charge"
    FEE = "fee"
    REFUND = "refund"
    DISPUTE = "dispute"
    PROVIDER_COST = "provider_cost"
    ADJUSTMENT = "adjustment"


class Account(StrEnum):
    """`stripe`: our balance there. `provider`: what its credits cost us. The others are earnings and expenses."""

    STRIPE = "stripe"
    SALES = "sales"
    FEES = "fees"
    REFUNDS = "refunds"
    DISPUTES = "disputes"
    PROVIDER = "provider"
    PROVIDER_COSTS = "provider_costs"


@dataclass(frozen=True, slots=True)
class Entry:
    """One amount in cents, out of `credit` into `debit`."""

    job_id: UUID
    fact: str
    kind: Kind
    debit: Account
    credit: Account
    amount_cents: int
    currency: str
    payment_intent: str | None = None


@dataclass(frozen=True, slots=True)
class Fee:
    """What Stripe keeps of a charge: `percent` of it and `fixed_cents`. It keeps that also when all is refunded."""

    percent: Decimal
    fixed_cents: int

    def of(self, charged_cents: int) -> int:
        """Cents, rounded half up."""
        share = (charged_cents * self.percent / 100).to_integral_value(ROUND_HALF_UP)
        return int(share) + self.fixed_cents


@dataclass(frozen=True, slots=True)
class Charge:
    """Money that a customer paid for a job."""

    job_id: UUID
    amount_cents: int
    currency: str
    payment_intent: str | None


def charged(charge: Charge, fee: Fee) -> list[Entry]:
    """The entries of a payment: the charge and Stripe's fee on it. A free order has none."""
    if not charge.amount_cents:
        return []
    name, rest = charge.payment_intent or "", (charge.currency, charge.payment_intent)
    taken = Entry(
        charge.job_id, f"charge:{name}", Kind.CHARGE, Account.STRIPE, Account.SALES, charge.amount_cents, *rest
    )
    kept = fee.of(charge.amount_cents)
    cost = Entry(charge.job_id, f"fee:{name}", Kind.FEE, Account.FEES, Account.STRIPE, kept, *rest)
    return [taken, cost] if kept else [taken]


def book(tx: Transaction, entries: Sequence[Entry]) -> None:
    """Write these entries; what was booked before stays as it is."""
    if not entries:
        return
    unnest(
        tx,
        """INSERT INTO ledger (job_id, fact, kind, debit, credit, amount_cents, currency, payment_intent)
           SELECT i.job_id, i.fact, i.kind, i.debit, i.credit, i.amount_cents, i.currency, i.payment_intent FROM {rows}
           ON CONFLICT DO NOTHING""",
        {
            "job_id": ("uuid", [e.job_id for e in entries]),
            "fact": ("text", [e.fact for e in entries]),
            "kind": ("text", [e.kind.value for e in entries]),
            "debit": ("text", [e.debit.value for e in entries]),
            "credit": ("text", [e.credit.value for e in entries]),
            "amount_cents": ("bigint", [e.amount_cents for e in entries]),
            "currency": ("text", [e.currency for e in entries]),
            "payment_intent": ("text", [e.payment_intent for e in entries]),
        },
    )


def book_refunds(tx: Transaction, job_ids: Sequence[UUID]) -> None:
    """Book what the refund rows of these jobs say: money that left, and money that came back because it failed."""
    tx.execute(
        """INSERT INTO ledger (job_id, fact, kind, debit, credit, amount_cents, currency, payment_intent)
           SELECT r.job_id, e.name || r.stripe_refund, e.kind, e.debit, e.credit, r.amount_cents, j.currency,
                  r.payment_intent
           FROM refunds r JOIN jobs j USING (job_id)
           CROSS JOIN (VALUES ('refund:', 'refund', 'refunds', 'stripe'),
                              ('refund_failed:', 'adjustment', 'stripe', 'refunds')) AS e (name, kind, debit, credit)
           WHERE r.job_id = ANY(%(ids)s::uuid[]) AND r.moved AND r.stripe_refund IS NOT NULL
             AND (e.kind = 'refund' OR r.state = 'failed')
           ON CONFLICT DO NOTHING""",
        {"ids": keys(set(job_ids))},
    )


# Joined to a statement that ends attempts and calls them `written`: what the provider charged, at the price of a credit
# that was frozen at checkout. Without a word of the provider, a success costs what was estimated. An order that costs
# nothing (the provider `null:`) books nothing.
BOOK_ATTEMPTS = """
    INSERT INTO ledger (job_id, fact, kind, debit, credit, amount_cents, currency)
    SELECT job_id, 'provider_cost:' || attempt, 'provider_cost', 'provider_costs', 'provider', cost_cents, currency
    FROM (
        SELECT w.job_id, w.attempt, j.currency,
               CASE WHEN w.credits IS NULL THEN j.cost_cents
                    ELSE (w.credits::bigint * j.cost_cents + j.credits / 2) / NULLIF(j.credits, 0) END AS cost_cents
        FROM written w JOIN jobs j ON j.job_id = w.job_id
        WHERE w.ended_at IS NOT NULL AND (w.credits > 0 OR (w.credits IS NULL AND w.state = 'succeeded'))
    ) costs
    WHERE cost_cents > 0
    ON CONFLICT DO NOTHING
"""
