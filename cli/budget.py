"""`./enlarger budget`: what of each budget is spent, and the day on which it ends as it goes."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from rich.table import Table
from rich.text import Text

from cli.office import Json, office
from common import budget as budgets
from common.budget import BudgetSettings, Cap, Period, Usage
from common.database import Transaction
from common.settings import load

FULL, NEARLY = 100, 80  # percent


def budget(*, json: Json = False) -> None:
    """Show each budget: spent, limit, when its period ends, and the day on which it is used up as it goes."""
    settings = load(BudgetSettings)
    with office(json=json) as at:
        with at.database.transaction() as tx:
            now, held = budgets.usage(tx), _held(tx)
        rows = [_row(cap, now) for cap in settings.caps]
        document = {
            "now": now.now, "credits_today": now.day, "credits_this_month": now.month,
            "hard_stop": settings.budget_hard_stop, "held_orders": held, "budgets": rows,
        }  # fmt: skip

        def page() -> None:
            at.console.print(f"[bold]{now.day:,}[/] credits today, [bold]{now.month:,}[/] this month (UTC)")
            at.console.print(_table(rows) if rows else "No budget is set (BUDGET_MONTHLY_CENTS and its like).")
            if held:
                at.console.print(
                    f"[yellow]{held}[/] orders are held for the budget: ./enlarger release --held-for budget"
                )

        at.tell(document, page)


def _row(cap: Cap, now: Usage) -> dict[str, Any]:
    spent = now.spent(cap.period) * cap.per_credit
    return {
        "period": cap.period.value,
        "unit": cap.unit,
        "spent": spent,
        "limit": cap.limit,
        "percent": float(round(Decimal(spent) * 100 / cap.limit, 1)),
        "period_ends": now.ends(cap.period),
        "used_up_on": budgets.ends_at(cap, now),
    }


def _table(rows: Sequence[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(1, 3, 0, 0), header_style="dim")
    for name in ("budget", "spent", "limit", "", "period ends", "used up on"):
        table.add_column(name, justify="right" if name in {"spent", "limit", ""} else "left", no_wrap=True)
    for row in rows:
        share = row["percent"]
        style = "red" if share >= FULL else "yellow" if share >= NEARLY else "green"
        table.add_row(
            f"{row['unit']} of the {row['period']}", f"{row['spent']:,}", f"{row['limit']:,}",
            Text(f"{share:.1f} %", style=style), f"{row['period_ends']:%Y-%m-%d}", _forecast(row),
        )  # fmt: skip
    return table


def _forecast(row: dict[str, Any]) -> Text:
    """As this month went so far. A day's budget is too short for a forecast."""
    if row["used_up_on"]:
        return Text(f"{row['used_up_on']:%Y-%m-%d}", style="red")
    return Text("–" if row["period"] == Period.DAY else "it lasts", style="dim")  # noqa: RUF001 - a dash


def _held(tx: Transaction) -> int:
    row = tx.execute("SELECT count(*) FROM jobs WHERE hold_reason = %s", [budgets.HOLD]).fetchone()
    return int(row[0]) if row else 0
