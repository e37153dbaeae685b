"""`./enlarger top`: the pipeline as it moves, in the terminal."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.box import ROUNDED
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cli.office import Json, Office, office
from common import switches
from common.admin import reading
from common.admin.telling import ago, span
from common.events import EVENTS
from common.inspection import BrokerAwayError, Depth, look
from common.stages import Stage
from common.switches import Pause
from common.topology import dead_queue

BAR = 24
MOVED_BY = {
    "checkout": "ingest.checkout.check",
    "submit": "submitter.payment.completed",
    "watch": "poller.upscale.check",
    "fetch": "finisher.upscale.done",
    "refund": "finisher.upscale.failed",
    "announce": "notifier.job.completed",
    "remind": "notifier.link.expiring",
    "keep": "finisher.file.expired",
}


@dataclass(frozen=True)
class Look:
    """One look at everything."""

    stages: Sequence[Mapping[str, Any]]
    day: Mapping[str, Any]
    attention: Sequence[Mapping[str, Any]]
    workers: Sequence[Mapping[str, Any]]
    pauses: Sequence[Pause]
    depths: Mapping[str, Depth]
    broker: str

    def document(self) -> dict[str, Any]:
        """For programs."""
        queues = {queue: depth.messages for queue, depth in self.depths.items()}
        return {
            "stages": self.stages,
            "last_day": self.day,
            "attention": self.attention,
            "workers": self.workers,
            "paused": [pause.what for pause in self.pauses],
            "queues": queues,
            "broker": self.broker,
        }


def top(
    *,
    every_s: Annotated[float, typer.Option("--every", min=0.5, help="Seconds between two looks.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="One look, printed; no live view.")] = False,
    json: Json = False,
) -> None:
    """Watch the pipeline live: stages, queues, workers, and what waits for a person. Ctrl-C ends it."""
    with office(json=json) as at:
        if once or json:
            seen = _look(at)
            at.tell(seen.document(), lambda: at.console.print(page(seen)))
            return
        try:
            with Live(console=at.console, screen=True, auto_refresh=False) as live:
                while True:
                    live.update(page(_look(at)), refresh=True)
                    time.sleep(every_s)
        except KeyboardInterrupt:
            return


def _look(at: Office) -> Look:
    with at.database.transaction() as tx:
        rows = reading.pipeline(tx), reading.today(tx), reading.attention(tx, 8), reading.workers(tx)
        pauses = switches.paused(tx)
    try:
        with look(at.amqp_url) as broker:
            depths, told = {depth.queue: depth for depth in broker.depths()}, ""
    except BrokerAwayError as error:
        depths, told = {}, str(error)
    return Look(*rows, pauses, depths, told)


def page(seen: Look) -> RenderableType:
    """Everything on one screen."""
    parts: list[RenderableType] = [_title(seen), _panel("Pipeline", _stages(seen))]
    parts.append(Columns([_panel("Workers", _workers(seen)), _panel("The last day", _day(seen))], padding=(0, 1)))
    parts.append(_panel("Needs attention", _attention(seen), "yellow" if seen.attention else "green"))
    return Group(*parts)


def _title(seen: Look) -> Text:
    text = Text.assemble((" enlarger ", "bold white on blue"), f"  {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
    if seen.pauses:
        text.append(f"   ‖ paused: {', '.join(pause.what for pause in seen.pauses)}", style="bold yellow")
    if seen.broker:
        text.append(f"   RabbitMQ: {seen.broker}", style="bold red")
    return text


def _panel(title: str, inside: RenderableType, border: str = "blue") -> Panel:
    return Panel(
        inside, title=f"[bold]{title}[/]", title_align="left", box=ROUNDED, border_style=border, padding=(0, 1)
    )


def _stages(seen: Look) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("stage", "", "orders", "held", "late", "retrying", "queue", "consumers", "oldest"):
        table.add_column(name, justify="left" if name in {"stage", ""} else "right", no_wrap=True)
    most = max([int(row["orders"]) for row in seen.stages] + [1])
    for row in seen.stages:
        count = int(row["orders"])
        length = max(round(count / most * BAR), 1) if count else 0
        depth = seen.depths.get(MOVED_BY[row["stage"]])
        table.add_row(
            Text(row["stage"], style="bold" if count else "dim"),
            Text("█" * length + "·" * (BAR - length), style="cyan" if row["stage"] not in _OVER else "bright_black"),
            f"{count:,}",
            _count(row["held"], "yellow"),
            _count(row["late"], "bold red"),
            _count(row["tries"], "yellow"),
            "" if depth is None else _count(depth.messages, "bold"),
            "" if depth is None else _count(depth.consumers, "green", zero="red"),
            Text(span(row["oldest_s"]) if row["oldest_s"] else "", style="dim"),
        )
    dead = sum(seen.depths[dead_queue(e.queue)].messages for e in EVENTS.values() if dead_queue(e.queue) in seen.depths)
    if dead:
        table.caption = Text(f"{dead} dead letters: ./enlarger dead list", style="bold red")
    return table


_OVER = {Stage.REMIND.value, Stage.KEEP.value}


def _workers(seen: Look) -> RenderableType:
    if not seen.workers:
        return Text("none in the last half minute", style="bold red")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("service", "lanes", "busy", "up"):
        table.add_column(name, no_wrap=True)
    now = datetime.now(UTC)
    for worker in seen.workers:
        lanes = Text(", ").join(
            [Text(lane, style="yellow" if lane in worker["paused"] else "green") for lane in worker["lanes"]]
        )
        up = ago(now, worker["started_at"]).removesuffix(" ago")
        table.add_row(Text(worker["service"], style="bold"), lanes, str(worker["busy"]), Text(up, style="dim"))
    return table


def _day(seen: Look) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(justify="right")
    day = seen.day
    grid.add_row("delivered in the last hour", f"{day['delivered_hour']:,}")
    grid.add_row("delivered in the last day", f"{day['delivered_day']:,}")
    grid.add_row("from payment, median", span(day["median_s"]) if day["median_s"] else "-")
    grid.add_row("from payment, 95 of 100", span(day["p95_s"]) if day["p95_s"] else "-")
    return grid


def _attention(seen: Look) -> RenderableType:
    if not seen.attention:
        return Text("nothing", style="green")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    now = datetime.now(UTC)
    for row in seen.attention:
        table.add_row(
            Text(row["ticket"][:14], style="bold"), Text(row["reason"], style="yellow"), row["stage"],
            Text(ago(now, row["opened_at"]), style="dim"), Text(row["detail"][:80]),
        )  # fmt: skip
    return table


def _count(number: int, style: str, zero: str = "dim") -> Text:
    return Text(f"{number:,}", style=style if number else zero)
