"""A month in figures and drawings, and both as CSV for spreadsheets."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request, Response

from common.admin.figures import Figures, figures, flat, month_of
from common.admin.telling import money
from common.database import Transaction
from services.ingest.edge import Edge
from services.ingest.money.bookkeeping import Line, Period, Step, statement
from services.ingest.office.charts import Chart, Place, draw
from services.ingest.office.gate import Signed
from services.ingest.office.rendering import page

MONTHS = 12
EVERY_DAYS = 3  # have their number under them
SUMS = ("charged", "refunded", "fees", "disputes", "provider_cost", "margin")
OUT = {"refunded": "refunds", "disputes": "disputes", "fees": "Stripe's fees", "provider_cost": "the provider"}

router = APIRouter()


@router.get("/reports")
def report(edge: Edge, request: Request, _session: Signed, month: str = "") -> Response:
    since, until = month_of(month)
    with edge.database.transaction() as tx:
        found = _figures(tx, since, until)
        days = statement(tx, Period(since.date(), until.date()), "day")
        months = statement(tx, Period(_months_back(since.date(), MONTHS - 1), until.date()), "month")
    values: dict[str, Any] = {
        "found": found,
        "days": days,
        "by_day": _money(days, _days(since.date(), until.date()), "day"),
        "by_month": _money(months, [_months_back(since.date(), back) for back in range(MONTHS - 1, -1, -1)], "month"),
        "before": f"{_months_back(since.date(), 1):%Y-%m}",
        "after": f"{until:%Y-%m}" if until < datetime.now(until.tzinfo) else "",
        "most_failures": max(found.reasons.values(), default=0),
        "most_stars": max(found.by_stars.values(), default=0),
    }
    return page(request, "office_reports.html", values)


@router.get("/reports/{month}/figures.csv")
def figures_csv(edge: Edge, _session: Signed, month: str) -> Response:
    """The month's figures, as `./enlarger report --csv` has them."""
    since, until = month_of(month)
    with edge.database.transaction() as tx:
        found = _figures(tx, since, until)
    rows = ((name, "" if value is None else value) for name, value in flat(found))
    return _csv(f"figures-{since:%Y-%m}.csv", ("figure", "value"), rows)


@router.get("/reports/{month}/books.csv")
def books_csv(edge: Edge, _session: Signed, month: str) -> Response:
    """The month's books by day, as `./enlarger books --csv` has them."""
    since, until = month_of(month)
    with edge.database.transaction() as tx:
        lines = statement(tx, Period(since.date(), until.date()), "day")
    names = ("day", "currency", "orders", *(f"{name}_cents" for name in SUMS))
    rows = ((line.since, line.currency, line.orders, *(getattr(line, name) for name in SUMS)) for line in lines)
    return _csv(f"books-{since:%Y-%m}.csv", names, rows)


def _figures(tx: Transaction, since: datetime, until: datetime) -> Figures:
    """A report reads much: by whatever way the planner finds best, for that is no question of keys."""
    tx.execute("SET LOCAL enable_bitmapscan = on")
    tx.execute("SET LOCAL enable_seqscan = on")
    return figures(tx, since, until)


def _csv(name: str, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(names)
    writer.writerows(rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(out.getvalue(), media_type="text/csv", headers=headers)


def _money(lines: Sequence[Line], places: Sequence[date], step: Step) -> dict[str, Chart]:
    """By currency: what came in above, what it cost below."""
    return {
        currency: draw(
            [_place(place, [one for one in lines if (one.since, one.currency) == (place, currency)], step)
             for place in places],
            EVERY_DAYS if step == "day" else 1,
        )
        for currency in sorted({line.currency for line in lines})
    }  # fmt: skip


def _place(place: date, lines: Sequence[Line], step: Step) -> Place:
    name = f"{place.day}" if step == "day" else f"{place:%b}"
    if not lines:
        return Place(name, {}, {}, {})
    line = lines[0]
    when = f"{place:%d %B}" if step == "day" else f"{place:%B %Y}"
    told = {kind: f"{when}: {money(getattr(line, kind), line.currency)} {what}" for kind, what in OUT.items()}
    told["charged"] = f"{when}: {money(line.charged, line.currency)} charged, {line.orders} orders"
    return Place(name, {"charged": line.charged}, {kind: getattr(line, kind) for kind in OUT}, told)


def _days(first: date, end: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((end - first).days)]


def _months_back(first: date, count: int) -> date:
    """The first day of the month that many before."""
    number = first.year * 12 + first.month - 1 - count
    return date(number // 12, number % 12 + 1, 1)
