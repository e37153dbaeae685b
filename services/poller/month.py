"""The current month's figures as metrics: what `./enlarger report` prints, from the same statements."""

from collections.abc import Mapping

from common.admin.figures import Figures, figures
from common.database import Transaction
from common.figures import Figure, Rows
from common.wording import REASONS
from services.poller import metrics as m

MONEY = ("revenue", "refunds", "disputes", "fees", "cost", "margin")


def told(tx: Transaction) -> Mapping[Figure, Rows]:
    """Of the orders paid since the first of this month (UTC, by the database's clock); money that was booked in it."""
    for since, now in tx.execute("SELECT date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC', now()"):
        return shown(figures(tx, since, now))
    raise LookupError("a SELECT without FROM always has a row")


def shown(found: Figures) -> Mapping[Figure, Rows]:
    """A share or a time of nothing is left out."""
    ended: Rows = {("delivered",): found.delivered, ("failed",): found.failed, ("under_way",): found.under_way}
    completion = found.completion
    seconds = {("average",): found.average_s, ("p95",): found.p95_s}
    return {
        m.MONTH_ORDERS: ended,
        m.MONTH_COMPLETION: {} if completion is None else {(): float(completion)},
        m.MONTH_SECONDS: {name: value for name, value in seconds.items() if value is not None},
        m.MONTH_ERRORS: _errors(found),
        m.MONTH_CENTS: {(books.currency, name): getattr(books, name) for books in found.money for name in MONEY},
    }


def _errors(found: Figures) -> Rows:
    """Shares of the paid orders; every reason that we know stands there, at 0 too."""
    rates: dict[tuple[str, ...], float] = {(reason,): 0.0 for reason in (*REASONS, "other")}
    for reason, count in found.reasons.items():
        rates[reason if reason in REASONS else "other",] += count / found.paid if found.paid else 0.0
    return rates
