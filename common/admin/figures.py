"""How the shop does in a period: what became of the orders paid in it, how long they took, what they earned."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from common.admin.desk import RefusedError
from common.database import Transaction
from common.ledger import Account

Value = int | float | str | None


@dataclass(frozen=True, slots=True)
class Money:
    """One currency of the books, in cents. `revenue`: what was charged; the others take from it."""

    currency: str
    revenue: int
    refunds: int
    disputes: int
    fees: int
    cost: int

    @property
    def margin(self) -> int:
        return self.revenue - self.refunds - self.disputes - self.fees - self.cost


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts are of the orders paid in the period; money is what was booked in it.

    `delivered` of `ended` is the completion rate; seconds are from payment to delivery. `reasons`: failures by why.
    """

    since: datetime
    until: datetime
    made: int
    paid: int
    delivered: int
    failed: int
    under_way: int
    average_s: float | None
    p95_s: float | None
    reasons: Mapping[str, int]
    money: Sequence[Money]
    ratings: int
    stars: float | None
    by_stars: Mapping[int, int]

    @property
    def completion(self) -> Decimal | None:
        """The share that was delivered of those that ended; None while none has."""
        ended = self.delivered + self.failed
        return Decimal(self.delivered) / ended if ended else None


def figures(tx: Transaction, since: datetime, until: datetime) -> Figures:
    """The figures of [since, until)."""
    period = {"since": since, "until": until}
    counts = tx.execute(_COUNTS, period).fetchone() or (0, 0, 0, 0, 0, None, None)
    made = tx.execute(_MADE, period).fetchone()
    reasons = {row[0]: int(row[1]) for row in tx.execute(_REASONS, period)}
    by_stars = {int(row[0]): int(row[1]) for row in tx.execute(_RATINGS, period)}
    rated = sum(by_stars.values())
    paid, delivered, failed, under_way, average_s, p95_s = counts[:6]
    return Figures(
        since, until, int(made[0]) if made else 0, paid, delivered, failed, under_way, average_s, p95_s, reasons,
        _money(tx, period), rated,
        sum(stars * count for stars, count in by_stars.items()) / rated if rated else None, by_stars,
    )  # fmt: skip


def flat(found: Figures) -> Iterator[tuple[str, Value]]:
    """Every figure under a name of its own; shares from 0 to 1, money in cents, times in seconds."""
    yield "month", f"{found.since:%Y-%m}"
    yield "orders_made", found.made
    yield "orders_paid", found.paid
    yield "delivered", found.delivered
    yield "failed", found.failed
    yield "under_way", found.under_way
    yield "completion_rate", None if found.completion is None else float(round(found.completion, 4))
    yield "average_s", found.average_s and round(found.average_s, 1)
    yield "p95_s", found.p95_s and round(found.p95_s, 1)
    for reason, count in found.reasons.items():
        yield f"failed_{reason}", count
    for books in found.money:
        for name in ("revenue", "refunds", "disputes", "fees", "cost", "margin"):
            yield f"{name}_{books.currency}_cents", getattr(books, name)
    yield "ratings", found.ratings
    yield "average_stars", found.stars and round(found.stars, 2)
    for stars in range(5, 0, -1):
        yield f"stars_{stars}", found.by_stars.get(stars, 0)


def month_of(text: str) -> tuple[datetime, datetime]:
    """The month's first instant and the next one's, in UTC."""
    try:
        first = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC) if text else datetime.now(UTC)
    except ValueError as error:
        raise RefusedError("no_month", f"{text!r} is no month like 2026-11.") from error
    first = first.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    after = first.replace(year=first.year + 1, month=1) if first.month == 12 else first.replace(month=first.month + 1)  # noqa: PLR2004 - December
    return first, after


def _money(tx: Transaction, period: Mapping[str, Any]) -> list[Money]:
    """From the books: an account's net debit is what went into it."""
    net: dict[tuple[str, str], int] = {
        (currency, account): int(cents) for currency, account, cents in tx.execute(_BOOKS, period)
    }
    currencies = sorted({currency for currency, _ in net})

    def of(currency: str, account: Account) -> int:
        return net.get((currency, account.value), 0)

    return [
        Money(
            currency,
            -of(currency, Account.SALES),
            of(currency, Account.REFUNDS),
            of(currency, Account.DISPUTES),
            of(currency, Account.FEES),
            of(currency, Account.PROVIDER_COSTS),
        )
        for currency in currencies
    ]


_MADE = "SELECT count(*) FROM jobs WHERE created_at >= %(since)s AND created_at < %(until)s AND NOT canary"
_COUNTS = """
    SELECT count(*), count(*) FILTER (WHERE completed_at IS NOT NULL),
           count(*) FILTER (WHERE completed_at IS NULL AND status IN ('failed', 'refunded')),
           count(*) FILTER (WHERE completed_at IS NULL AND status NOT IN ('failed', 'refunded')),
           avg(extract(epoch FROM completed_at - paid_at))::float8,
           percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM completed_at - paid_at)::float8)
    FROM jobs WHERE paid_at >= %(since)s AND paid_at < %(until)s
"""
_REASONS = """
    SELECT COALESCE(failure_reason, 'unknown'), count(*) FROM jobs
    WHERE paid_at >= %(since)s AND paid_at < %(until)s AND completed_at IS NULL AND status IN ('failed', 'refunded')
    GROUP BY 1 ORDER BY 2 DESC, 1
"""
_RATINGS = """
    SELECT stars, count(*) FROM ratings WHERE rated_at >= %(since)s AND rated_at < %(until)s GROUP BY 1 ORDER BY 1 DESC
"""
_BOOKS = """
    SELECT currency, account, sum(cents)::bigint FROM (
        SELECT currency, debit AS account, amount_cents AS cents FROM ledger
        WHERE at >= %(since)s AND at < %(until)s
        UNION ALL
        SELECT currency, credit, -amount_cents FROM ledger WHERE at >= %(since)s AND at < %(until)s
    ) moved GROUP BY 1, 2
"""
