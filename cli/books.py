"""`./enlarger books`: what a period brought and cost, and whether Stripe's books say the same."""

import csv
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.rows import connected, fail
from common.database import DatabaseAwayError
from common.settings import DatabaseSettings, load
from common.wording import money
from services.ingest.money.bookkeeping import Difference, Line, Period, Step, reconcile, statement
from services.ingest.money.stripe import Stripe, StripeAwayError, StripeRefusedError
from services.ingest.settings import AccountSettings

LONG = timedelta(days=62)
SUMS = ("charged", "refunded", "fees", "disputes", "provider_cost", "margin")
DIFFERENT, UNANSWERED = 1, 2
DAY = "%Y-%m-%d"


def books(  # noqa: PLR0913 - the options of a command
    *,
    month: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m"], help="a month in UTC; the current one by default")
    ] = None,
    from_: Annotated[datetime | None, typer.Option("--from", formats=[DAY], help="the first day, in UTC")] = None,
    to: Annotated[datetime | None, typer.Option(formats=[DAY], help="the last day, in UTC")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="for spreadsheets; amounts in cents")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for programs; amounts in cents")] = False,
    against_stripe: Annotated[
        bool, typer.Option("--reconcile", help="name every payment of which Stripe says something else; all time")
    ] = False,
) -> None:
    """A period's statement: charged, refunded, fees, disputes, provider cost, margin; by day, long periods by month.

    With --reconcile: compares each payment with Stripe's charges and refunds. Exit 1 when one differs, 2 when Stripe
    does not answer.
    """
    period = _period(month, from_, to, whole=against_stripe)
    if against_stripe:
        _reconcile(period, as_json=as_json)
        return
    long = not (period.first and period.end) or period.end - period.first > LONG
    step: Step = "month" if long else "day"
    try:
        with connected(load(DatabaseSettings).database_url) as database, database.transaction() as tx:
            lines = statement(tx, period, step)
    except DatabaseAwayError as error:
        raise fail(f"The database cannot be reached: {error}") from error
    show: Callable[[Sequence[Line], Step], None] = _as_csv if as_csv else _as_json if as_json else _as_table
    show(lines, step)


def _period(month: datetime | None, first: datetime | None, last: datetime | None, *, whole: bool) -> Period:
    if month and (first or last):
        raise fail("Give a month, or --from and --to, not both.")
    if first or last:
        return Period(first.date() if first else None, last.date() + timedelta(days=1) if last else None)
    if whole and not month:
        return Period()
    start = (month or datetime.now(UTC)).date().replace(day=1)
    return Period(start, (start + timedelta(days=31)).replace(day=1))


def _row(line: Line) -> dict[str, object]:
    return {**asdict(line), "since": line.since.isoformat(), "margin": line.margin}


def _as_json(lines: Sequence[Line], step: Step) -> None:
    print(json.dumps({"step": step, "unit": "cents", "lines": [_row(line) for line in lines]}, indent=2))  # noqa: T201 - its output


def _as_csv(lines: Sequence[Line], step: Step) -> None:
    out = csv.writer(sys.stdout)
    out.writerow([step, "currency", "orders", *(f"{name}_cents" for name in SUMS)])
    for line in lines:
        out.writerow([line.since, line.currency, line.orders, *(getattr(line, name) for name in SUMS)])


def _as_table(lines: Sequence[Line], step: Step) -> None:
    if not lines:
        Console().print("Nothing is on the books of this period.")
        return
    table = Table(box=None, header_style="bold", show_footer=False, pad_edge=False)
    table.add_column(step)
    for name in ("orders", *SUMS):
        table.add_column(name.replace("_", " "), justify="right", no_wrap=True)
    for line in lines:
        table.add_row(_label(line.since, step), str(line.orders), *_amounts(line))
    for currency in sorted({line.currency for line in lines}):
        total = _total([line for line in lines if line.currency == currency])
        table.add_section()
        table.add_row("all", str(total.orders), *_amounts(total), style="bold")
    Console().print(table)


def _label(since: date, step: Step) -> str:
    return f"{since:%Y-%m}" if step == "month" else since.isoformat()


def _amounts(line: Line) -> list[str]:
    """Nothing is a dash: what is there stands out."""
    return [money(cents, line.currency) if (cents := getattr(line, name)) else "–" for name in SUMS]  # noqa: RUF001 - a dash


def _total(lines: Sequence[Line]) -> Line:
    sums = {name: sum(getattr(line, name) for line in lines) for name in ("orders", *SUMS) if name != "margin"}
    return Line(lines[0].since, lines[0].currency, **sums)


def _reconcile(period: Period, *, as_json: bool) -> None:
    settings = load(AccountSettings)
    stripe = Stripe(settings.stripe_api_key.get_secret_value(), settings.stripe_api_base)
    try:
        with connected(settings.database_url) as database:
            found = reconcile(database, stripe, period)
    except (StripeAwayError, StripeRefusedError) as error:
        raise fail(f"Stripe gave no answer: {error}", UNANSWERED) from error
    except DatabaseAwayError as error:
        raise fail(f"The database cannot be reached: {error}", UNANSWERED) from error
    if as_json:
        print(json.dumps([asdict(one) for one in found], indent=2, default=str))  # noqa: T201 - its output
    else:
        _differences(found)
    raise typer.Exit(DIFFERENT if found else 0)


def _differences(found: Sequence[Difference]) -> None:
    console = Console()
    if not found:
        console.print("Our books and Stripe's say the same.")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("payment", "order", "difference"):
        table.add_column(name, overflow="fold")
    for name in ("ours, cents", "Stripe's, cents"):
        table.add_column(name, justify="right")
    for one in found:
        amounts = ["–" if cents is None else str(cents) for cents in (one.ours_cents, one.stripe_cents)]  # noqa: RUF001 - a dash
        table.add_row(one.payment_intent, str(one.job_id or "–"), one.what, *amounts)  # noqa: RUF001 - a dash
    console.print(table)
    console.print(f"\n{len(found)} {'difference' if len(found) == 1 else 'differences'}.", style="bold red")
