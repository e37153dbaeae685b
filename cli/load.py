"""`./enlarger load`: customers who buy at a steady rate through the real routes, and what each stage took."""

import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from bench.usage import Meter
from cli.buyers import Buyers
from cli.failure import ends_plainly
from cli.figures import Figures, figures
from cli.journey import read
from cli.observer import Observer
from local.bootstrap import ROOT
from local.processes import LocalError
from local.system import System, system

FOLDER = ROOT / ".enlarger" / "load"
_LOOK_S = 1.0
_AFTER_S = 120.0
_MAILED_S = 30.0
# The provider and its limits are not what is measured; neither is the patience of one client, who here is everybody.
_SETTINGS = {
    "POLL_FIRST_S": "1",
    "POLL_INTERVAL_S": "1",
    "RATE_LIMIT_PER_MIN": "0",
    "UPSAMPLER_MAX_IN_FLIGHT": "500",
    "UPSAMPLER_SUBMITS_PER_MIN": "100000",
    "UPSAMPLER_CHECKS_PER_MIN": "100000",
}
_SANDBOX = {"SANDBOX_UPSAMPLER_SECONDS": "1"}


def load(
    *,
    rate: Annotated[float, typer.Option(min=0.1, max=200, help="Orders a second.")] = 2,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="How long customers keep coming.")] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    folder: Annotated[Path, typer.Option(help="Made anew; logs and files of the run lie in it.")] = FOLDER,
) -> None:
    """Buy at a steady rate from a private system with the sandbox. Exit code 1 when an order was not delivered."""
    console = Console(highlight=False, stderr=as_json)
    with ends_plainly(console):
        with system(folder, settings=_SETTINGS, sandbox=_SANDBOX, say=console.print) as running:
            found = _run(console, running, rate, seconds)
        shutil.rmtree(folder / "files", ignore_errors=True)
    console.print(_report(found))
    if as_json:
        typer.echo(json.dumps(asdict(found)))
    raise typer.Exit(0 if found.delivered == found.asked else 1)


def _run(console: Console, running: System, rate: float, seconds: float) -> Figures:
    meter = Meter({worker.name: worker.pid for worker in running.stack.workers if worker.pid})
    with Buyers(running.stack, int(rate * seconds), rate) as buyers, Live(console=console, transient=True) as live:
        while not buyers.done:
            running.check()
            time.sleep(_LOOK_S)
            buyers.look()
            live.update(_now(buyers))
            if buyers.late_s > _AFTER_S:
                raise LocalError(f"{buyers.open} orders were still underway {_AFTER_S:.0f} s after the last one came")
        cpu = meter.cpu()
        return figures(buyers, _at_their_end(running, buyers), cpu)


def _at_their_end(running: System, buyers: Buyers) -> list[dict[str, Any]]:
    """Every order, once it is over: a customer who sees the picture is mailed a moment later."""
    with ThreadPoolExecutor(4) as pool:
        for _ in range(int(_MAILED_S / _LOOK_S)):
            orders: list[dict[str, Any]] = list(pool.map(Observer(running.stack).order, buyers.tickets))
            if all(read(order).over for order in orders):
                break
            time.sleep(_LOOK_S)
    return orders


def _now(buyers: Buyers) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in (
        ("came", f"{buyers.came} of {buyers.asked}"),
        ("paid", str(len(buyers.tickets))),
        ("delivered", str(buyers.over)),
        ("underway", str(buyers.open)),
        ("refused", str(buyers.refused)),
    ):
        table.add_row(f"[dim]{name}[/]", value)
    return table


def _report(found: Figures) -> Table:
    head = f"{found.delivered} of {found.asked} orders delivered, {found.rate:.1f} a second, {found.refused} refused"
    table = Table(title=head, title_justify="left", title_style="bold")
    table.add_column("seconds in")
    for name in ("half", "95 %", "99 %", "longest"):
        table.add_column(name, justify="right")
    for name, spread in found.seconds.items():
        table.add_row(name, *(f"{value:.2f}" for value in (spread.p50, spread.p95, spread.p99, spread.longest)))
    spent = ", ".join(f"{name} {seconds:.3f}" for name, seconds in found.cpu_s_per_order.items())
    table.caption, table.caption_justify = f"CPU-seconds for one order: {spent}", "left"
    return table
