"""`./enlarger report`: how the shop does, as a table, as CSV, or as JSON."""

import csv
import sys
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.office import Json, office
from common.admin.figures import Figures, figures, flat, month_of
from common.admin.telling import money, span

BAR = 20


def report(
    *,
    month: Annotated[str, typer.Option(help="Which month, like 2026-11.", show_default="this one")] = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, for spreadsheets.")] = False,
    json: Json = False,
) -> None:
    """Report a month: completion, times, failures by reason, revenue, cost, margin, ratings."""
    with office(json=json) as at:
        since, until = month_of(month)
        with at.database.transaction() as tx:
            found = figures(tx, since, until)
        if as_csv and not json:
            writer = csv.writer(sys.stdout)
            writer.writerow(["figure", "value"])
            writer.writerows((name, "" if value is None else value) for name, value in flat(found))
            return
        at.tell(dict(flat(found)), lambda: at.console.print(_page(found)))


def _page(found: Figures) -> RenderableType:
    title = Text(f"{found.since:%B %Y}", style="bold")
    parts: list[RenderableType] = [title, Text(), _orders(found)]
    if found.reasons:
        parts += [Text(), Text("Failures", style="bold"), _bars(found.reasons, found.paid, "red")]
    parts += [Text(), Text("Money", style="bold"), _money(found)]
    parts += [Text(), Text("Ratings", style="bold")]
    if found.stars is None:
        parts.append(Text("nobody has rated yet", style="dim"))
    else:
        parts.append(Text(f"{found.stars:.2f} of 5, by {found.ratings} customers"))
        shown = {f"{stars} {'★' * stars}": found.by_stars.get(stars, 0) for stars in range(5, 0, -1)}
        parts.append(_bars(shown, found.ratings, "yellow"))
    return Group(*parts)


def _orders(found: Figures) -> Table:
    grid = _grid()
    rate = "-" if found.completion is None else f"{found.completion:.2%}"
    grid.add_row("orders made", f"{found.made:,}")
    grid.add_row("of the paid ones", f"{found.paid:,}")
    grid.add_row("  delivered", Text(f"{found.delivered:,}", style="green"))
    grid.add_row("  failed", Text(f"{found.failed:,}", style="red" if found.failed else ""))
    grid.add_row("  under way", f"{found.under_way:,}")
    grid.add_row("completion rate", Text(rate, style="bold"))
    grid.add_row("from payment, average", span(found.average_s) if found.average_s else "-")
    grid.add_row("from payment, 95 of 100", span(found.p95_s) if found.p95_s else "-")
    return grid


def _money(found: Figures) -> RenderableType:
    if not found.money:
        return Text("nothing was booked", style="dim")
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for name in ("", "revenue", "refunds", "disputes", "Stripe's fees", "provider", "margin"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for books in found.money:
        cents = [books.revenue, books.refunds, books.disputes, books.fees, books.cost]
        margin = Text(money(books.margin, ""), style="bold green" if books.margin >= 0 else "bold red")
        table.add_row(books.currency.upper(), *(money(amount, "") for amount in cents), margin)
    return table


def _bars(counts: Any, whole: int, style: str) -> Table:
    grid = _grid()
    grid.add_column()
    for name, count in counts.items():
        share = Decimal(count) / whole if whole else Decimal(0)
        length = round(share * BAR)
        bar = Text("█" * length + "·" * (BAR - length), style=style)
        grid.add_row(name, f"{count:,}", Text.assemble(bar, f"  {share:.1%}"))
    return grid


def _grid() -> Table:
    grid = Table.grid(padding=(0, 3, 0, 0))
    grid.add_column(style="dim")
    grid.add_column(justify="right")
    return grid
