"""The books read: a period's statement, and what differs from Stripe's (promise 5)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal, Protocol
from uuid import UUID

from common.database import Database, Transaction
from common.refunds import StripeRefund
from services.ingest.money.stripe import StripeCharge

Step = Literal["day", "month"]


@dataclass(frozen=True, slots=True)
class Period:
    """Days in UTC: the first, and the one after the last. None: no limit."""

    first: date | None = None
    end: date | None = None

    @property
    def created(self) -> dict[str, int]:
        """As Stripe filters lists: Unix seconds."""
        ends = {"gte": self.first, "lt": self.end}
        return {name: int(datetime(d.year, d.month, d.day, tzinfo=UTC).timestamp()) for name, d in ends.items() if d}


@dataclass(frozen=True, slots=True)
class Line:
    """What one day or month brought and cost, in cents of one currency. It counts when it was booked."""

    since: date
    currency: str
    orders: int
    charged: int
    refunded: int
    fees: int
    disputes: int
    provider_cost: int

    @property
    def margin(self) -> int:
        return self.charged - self.refunded - self.fees - self.disputes - self.provider_cost


@dataclass(frozen=True, slots=True)
class Difference:
    """Where Stripe says something else of a payment than we do; cents, None for nothing at all."""

    payment_intent: str
    job_id: UUID | None
    what: Literal["charge missing in our books", "charge missing at Stripe", "charged", "refunded"]
    ours_cents: int | None
    stripe_cents: int | None


class Account(Protocol):
    """The account at Stripe. Both raise StripeAwayError, StripeRefusedError."""

    def charges(self, created: dict[str, int], payment_intent: str | None = None) -> Iterable[StripeCharge]: ...
    def refunds(self, payment_intent: str) -> Sequence[StripeRefund]: ...


@dataclass(frozen=True, slots=True)
class _Booked:
    job_id: UUID
    charged_cents: int
    refunded_cents: int
    in_period: bool


def statement(tx: Transaction, period: Period, step: Step) -> list[Line]:
    """The lines of a period, oldest first; days or months without an entry are left out."""
    rows = tx.execute(_STATEMENT, {"step": step, "first": period.first, "end": period.end})
    return [Line(row[0], row[1], *map(int, row[2:])) for row in rows.fetchall()]


def reconcile(database: Database, account: Account, period: Period) -> list[Difference]:
    """Compare each payment of the period: what was charged, and what was given back of it until now.

    Payments at Stripe that are not Enlarger's (by their metadata) are left alone. No transaction is open while Stripe
    is asked. Raises DatabaseAwayError, StripeAwayError, StripeRefusedError.
    """
    there = {charge.payment_intent: charge for charge in account.charges(period.created)}
    with database.transaction() as tx:
        here = _booked(tx, period)
    for intent, booked in here.items():
        if booked.in_period and intent not in there:  # charged just before the period, and booked in it
            there |= {charge.payment_intent: charge for charge in account.charges({}, intent)}
    found: list[Difference] = []
    for intent in sorted(there.keys() | {i for i, booked in here.items() if booked.in_period}):
        found += _compare(account, intent, here.get(intent), there.get(intent))
    return found


def _compare(account: Account, intent: str, here: _Booked | None, there: StripeCharge | None) -> Sequence[Difference]:
    if here is None:
        stranger = there is None or not there.ours
        amount = there.amount_cents if there else 0
        return [] if stranger else [Difference(intent, None, "charge missing in our books", None, amount)]
    if there is None:
        return [Difference(intent, here.job_id, "charge missing at Stripe", here.charged_cents, None)]
    found = []
    if here.charged_cents != there.amount_cents:
        found.append(Difference(intent, here.job_id, "charged", here.charged_cents, there.amount_cents))
    refunded = there.refunded_cents
    if refunded != here.refunded_cents:  # Stripe's sum counts those that are still pending
        refunded = sum(r.amount_cents for r in account.refunds(intent) if r.state == "succeeded")
    if refunded != here.refunded_cents:
        found.append(Difference(intent, here.job_id, "refunded", here.refunded_cents, refunded))
    return found


def _booked(tx: Transaction, period: Period) -> Mapping[str, _Booked]:
    rows = tx.execute(_BY_PAYMENT, {"first": period.first, "end": period.end})
    return {row[0]: _Booked(row[1], int(row[2]), int(row[3]), bool(row[4])) for row in rows.fetchall()}


_IN_PERIOD = """
    (%(first)s::date IS NULL OR at >= %(first)s::date::timestamp AT TIME ZONE 'UTC')
    AND (%(end)s::date IS NULL OR at < %(end)s::date::timestamp AT TIME ZONE 'UTC')
"""
_STATEMENT = f"""
    SELECT date_trunc(%(step)s, at AT TIME ZONE 'UTC')::date, currency,
           count(*) FILTER (WHERE kind = 'charge'),
           COALESCE(sum(amount_cents) FILTER (WHERE credit = 'sales'), 0)
               - COALESCE(sum(amount_cents) FILTER (WHERE debit = 'sales'), 0),
           COALESCE(sum(amount_cents) FILTER (WHERE debit = 'refunds'), 0)
               - COALESCE(sum(amount_cents) FILTER (WHERE credit = 'refunds'), 0),
           COALESCE(sum(amount_cents) FILTER (WHERE debit = 'fees'), 0)
               - COALESCE(sum(amount_cents) FILTER (WHERE credit = 'fees'), 0),
           COALESCE(sum(amount_cents) FILTER (WHERE debit = 'disputes'), 0)
               - COALESCE(sum(amount_cents) FILTER (WHERE credit = 'disputes'), 0),
           COALESCE(sum(amount_cents) FILTER (WHERE debit = 'provider_costs'), 0)
               - COALESCE(sum(amount_cents) FILTER (WHERE credit = 'provider_costs'), 0)
    FROM ledger WHERE {_IN_PERIOD} GROUP BY 1, 2 ORDER BY 1, 2
"""
_BY_PAYMENT = f"""
    SELECT payment_intent, (array_agg(job_id))[1],
           COALESCE(sum(amount_cents) FILTER (WHERE kind = 'charge'), 0),
           COALESCE(sum(amount_cents) FILTER (WHERE debit = 'refunds'), 0)
               - COALESCE(sum(amount_cents) FILTER (WHERE credit = 'refunds'), 0),
           COALESCE(bool_or({_IN_PERIOD}) FILTER (WHERE kind = 'charge'), false)
    FROM ledger WHERE payment_intent IS NOT NULL GROUP BY 1
"""
