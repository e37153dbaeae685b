"""`./enlarger jobs`: the orders, newest first, by what one looks for."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli.office import Json, Office, Personal, office
from common.admin.listing import Filter, listing
from common.admin.telling import ago, money, until
from common.stages import Stage, Status

EVERY_S = 2.0
COLOURS = {
    "awaiting_payment": "dim",
    "pending": "cyan",
    "processing": "blue",
    "completed": "green",
    "failed": "red",
    "refunded": "magenta",
    "abandoned": "dim",
}


def jobs(  # noqa: PLR0913 - a command's options
    text: Annotated[
        str | None,
        typer.Argument(help="The beginning of an address, id or ticket, or one of Stripe's names.", show_default=False),
    ] = None,
    *,
    status: Annotated[Status | None, typer.Option(help="Only orders that people see so.", show_default=False)] = None,
    stage: Annotated[Stage | None, typer.Option(help="Only orders in this stage.", show_default=False)] = None,
    held: Annotated[bool | None, typer.Option("--held/--not-held", help="Only held ones.", show_default=False)] = None,
    attention: Annotated[bool, typer.Option("--attention", help="Only what waits for a person.")] = False,
    late: Annotated[bool, typer.Option("--late", help="Only what is past its promise.")] = False,
    since: Annotated[float | None, typer.Option(help="Only of the last so many hours.", show_default=False)] = None,
    canary: Annotated[bool, typer.Option("--canary", help="Our own, which try whether all runs.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000)] = 25,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Keep the list current, until Ctrl-C.")] = False,
    personal: Personal = False,
    json: Json = False,
) -> None:
    """List orders, newest first; search and filter them."""
    wanted = Filter(
        status,
        stage,
        text,
        held,
        attention=attention or None,
        late=late or None,
        since_h=since,
        canary=canary,
        limit=limit,
    )
    with office(json=json, personal=personal) as at:
        if watch and not json:
            _watch(at, wanted)
            return
        rows = _rows(at, wanted)
        at.tell(rows, lambda: at.console.print(_table(at, rows, wanted)))


def _rows(at: Office, wanted: Filter) -> list[dict[str, Any]]:
    with at.database.transaction() as tx:
        return listing(tx, wanted)


def _watch(at: Office, wanted: Filter) -> None:
    try:
        with Live(console=at.console, screen=True, auto_refresh=False) as live:
            while True:
                live.update(_table(at, _rows(at, wanted), wanted), refresh=True)
                time.sleep(EVERY_S)
    except KeyboardInterrupt:
        return


def _table(at: Office, rows: Sequence[dict[str, Any]], wanted: Filter) -> Table | Text:
    if not rows:
        return Text("No order fits.", style="dim")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold dim")
    for name, how in (("order", {"no_wrap": True}), ("ordered", {"no_wrap": True}), ("status", {}), ("stage", {}),
                      ("paid", {"justify": "right", "no_wrap": True}), ("next", {"no_wrap": True}),
                      ("customer", {"no_wrap": True, "overflow": "ellipsis"}), ("", {"overflow": "fold"})):  # fmt: skip
        table.add_column(name, **how)
    now = datetime.now(UTC)
    for row in rows:
        table.add_row(
            Text(row["ticket"][:14], style="bold"),
            Text(ago(now, row["created_at"]), style="dim"),
            Text(row["status"], style=COLOURS[row["status"]]),
            row["stage"],
            _paid(row),
            Text(until(now, row["wake_at"]), style="dim"),
            Text(at.address(row["email"]), style="dim"),
            _marks(row),
        )
    if len(rows) == wanted.limit:
        table.caption = f"the newest {wanted.limit}; more with --limit"
        table.caption_justify = "left"
    return table


def _paid(row: dict[str, Any]) -> Text:
    text = Text(money(row["charged_cents"], row["currency"]) if row["charged_cents"] else "-")
    if row["refunded_cents"]:
        text.append(f" -{money(row['refunded_cents'], row['currency'])}", style="magenta")
    return text


def _marks(row: dict[str, Any]) -> Text:
    text = Text()
    if row["late"]:
        text.append("late ", style="bold red")
    if row["hold_reason"]:
        text.append(f"held: {row['hold_reason']} ", style="yellow")
    for reason in row["attention"] or ():
        text.append(f"! {reason} ", style="bold yellow")
    if row["failure_reason"]:
        text.append(row["failure_reason"], style="red")
    return text
