"""`./enlarger bench`: how fast the pipeline is, alone and beside others."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench.clock import ClockResult
from bench.clock import clock as measure_clock
from bench.machinery import machinery as measure_machinery
from bench.measure import Result
from cli.failure import ends_plainly

app = typer.Typer(help="Measure how fast the pipeline is.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")]


@app.callback()
def bench() -> None:
    """Measure how fast the pipeline is, on private servers."""


@app.command()
def machinery(
    *,
    orders: Annotated[int, typer.Option(min=100, help="How many orders are published at once.")] = 3000,
    as_json: Json = False,
) -> None:
    """Measure the pipeline with its outside effects switched to nothing by its own settings."""
    console = Console(highlight=False, stderr=as_json)
    with ends_plainly(console):
        result = measure_machinery(orders, console.print)
    if as_json:
        typer.echo(json.dumps(asdict(result), indent=2))
    else:
        console.print(_summary(result))


@app.command()
def clock(
    *,
    sleeping: Annotated[int, typer.Option(min=1000, help="How many jobs sleep.")] = 1_000_000,
    due: Annotated[int, typer.Option(min=1000, help="How many of them are due at once.")] = 100_000,
    as_json: Json = False,
) -> None:
    """Measure the clock: wake-ups a second, how late they are, and what one costs as the number of sleepers grows."""
    console = Console(highlight=False, stderr=as_json)
    with ends_plainly(console):
        result = measure_clock(sleeping, due, console.print)
    if as_json:
        typer.echo(json.dumps(asdict(result) | {"growth": result.growth}, indent=2))
    else:
        console.print(_clock_summary(result))


def _clock_summary(result: ClockResult) -> Table:
    table = Table(title=f"{result.sleeping:,} jobs asleep, {result.due:,} due at once", show_header=False)
    table.title_justify = "left"
    table.add_row("wake-ups a second", f"{result.per_s:,.0f}, and {result.per_core_s:,.0f} for each core's CPU")
    table.add_row("late at 500 falling due a second", f"p99 {result.steady_late_p99_s:.2f} s")
    table.add_row("oldest first", "yes" if result.oldest_first else "NO")
    table.add_row("memory", f"{result.rss_before_mb:.0f} MB before, {result.rss_after_mb:.0f} MB after")
    table.add_row("cost of a wake-up", f"{result.growth:.2f} times that with {result.costs[0].sleeping:,} asleep")
    table.add_row("plan", result.plan)
    return table


def _summary(result: Result) -> Table:
    table = Table(title=f"{result.orders} orders in {result.seconds} s: {result.per_s} orders/s", title_justify="left")
    table.add_column("process")
    table.add_column("CPU s per 1000 orders", justify="right")
    table.add_column("memory, MB", justify="right")
    for name, seconds in result.cpu.items():
        memory = result.rss_mb.get(name)
        table.add_row(name, f"{seconds:.3f}", "" if memory is None else f"{memory:.0f}")
    table.add_section()
    table.add_row("Python together", f"{result.python_cpu:.3f}", "")
    table.caption = f"publish to mail: at once p50 {result.saturated.p50_ms:.0f} ms, p99 {result.saturated.p99_ms:.0f}"
    if result.trickle:
        table.caption += f"; at 20 orders/s p50 {result.trickle.p50_ms:.1f} ms, p99 {result.trickle.p99_ms:.1f} ms"
    return table
