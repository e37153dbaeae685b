"""`./enlarger bench`: how fast the pipeline is, alone and beside others, and how well the pictures are checked."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.clock import ClockResult
from bench.clock import clock as measure_clock
from bench.contest import Contest, contest, sweep
from bench.machinery import machinery as measure_machinery
from bench.measure import Result
from bench.report import record
from bench.scrape import ScrapeResult
from bench.scrape import scrape as measure_scrape
from cli.failure import ends_plainly
from local.servers import Say

if TYPE_CHECKING:
    from bench.checks.cost import Cost
    from bench.checks.run import Half

R = TypeVar("R", ClockResult, Contest, Result, ScrapeResult)

app = typer.Typer(help="Measure how fast the pipeline is, and how well it checks pictures.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")]
Record = Annotated[bool, typer.Option("--record", help="Keep the figures in docs/benchmarks, with page and charts.")]


@app.callback()
def bench() -> None:
    """Measure how fast the pipeline is, on private servers, and how well it checks pictures."""


def _measured(
    part: str,
    measure: Callable[[Say], tuple[R, dict[str, str]]],
    shown: Callable[[R], RenderableType],
    *,
    as_json: bool,
    keep: bool,
) -> None:
    console = Console(highlight=False, stderr=as_json)
    with ends_plainly(console):
        result, servers = measure(console.print)
        if keep:
            record(part, asdict(result), servers, console.print)
    if as_json:
        typer.echo(json.dumps(asdict(result), indent=2))
    else:
        console.print(shown(result))


@app.command()
def machinery(
    *,
    orders: Annotated[int, typer.Option(min=100, help="How many orders are published at once.")] = 3000,
    as_json: Json = False,
    keep: Record = False,
) -> None:
    """Measure the pipeline with its outside effects switched to nothing by its own settings."""
    _measured("machinery", lambda say: measure_machinery(orders, say), _summary, as_json=as_json, keep=keep)


@app.command()
def peers(  # noqa: PLR0913 - a command's options
    *,
    orders: Annotated[
        int, typer.Option(min=300, help="How many orders each contestant gets over all rounds.")
    ] = 20_000,
    rounds: Annotated[int, typer.Option(min=1, help="In how many interleaved rounds.")] = 3,
    only: Annotated[str, typer.Option(help="Only those with this in their name.")] = "",
    sweep_tunings: Annotated[bool, typer.Option("--sweep", help="Look for each one's best tuning first.")] = False,
    as_json: Json = False,
    keep: Record = False,
) -> None:
    """Measure the same work on Celery, Dramatiq, FastStream, a hand-tuned loop and us, side by side."""

    def measure(say: Say) -> tuple[Contest, dict[str, str]]:
        if sweep_tunings:
            sweep(only, say)
        return contest(orders, rounds, only, say)

    _measured("peers", measure, _comparison, as_json=as_json, keep=keep)


@app.command()
def clock(
    *,
    sleeping: Annotated[int, typer.Option(min=1000, help="How many jobs sleep.")] = 1_000_000,
    due: Annotated[int, typer.Option(min=1000, help="How many of them are due at once.")] = 100_000,
    as_json: Json = False,
    keep: Record = False,
) -> None:
    """Measure the clock: wake-ups a second, how late they are, and what one costs as the number of sleepers grows."""
    _measured("clock", lambda say: measure_clock(sleeping, due, say), _clock_summary, as_json=as_json, keep=keep)


@app.command()
def scrape(
    *,
    jobs: Annotated[int, typer.Option(min=1000, help="How many jobs are in the database.")] = 1_000_000,
    as_json: Json = False,
    keep: Record = False,
) -> None:
    """Measure how long each worker's /metrics takes over HTTP."""
    _measured("scrape", lambda say: measure_scrape(jobs, say), _scrapes, as_json=as_json, keep=keep)


def _scrapes(result: ScrapeResult) -> Table:
    table = Table(title=f"/metrics with {result.jobs:,} jobs", title_justify="left", title_style="bold")
    table.add_column("", no_wrap=True)
    for name in ("median ms", "slowest ms", "CPU ms", "kB"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in result.workers:
        figures = (one.median_ms, one.slowest_ms, one.cpu_ms)
        table.add_row(one.worker, *(f"{ms:.1f}" for ms in figures), f"{one.size / 1000:.0f}")
    table.caption = (
        f"{result.scrapes} scrapes each. Counting takes {result.count_s:.2f} s of the database, beside them."
    )
    table.caption_justify = "left"
    return table


@app.command()
def checks(
    *,
    split: Annotated[str, typer.Option(help="Which photographs: train, seen, test or all.")] = "all",
    quick: Annotated[bool, typer.Option("--quick", help="On the shop's few photographs: nothing is fetched.")] = False,
    as_json: Json = False,
    keep: Record = False,
) -> None:
    """Measure which spoiled enlargements the checks see, and which fine ones they refuse, on real photographs."""
    from bench.checks import report, run  # noqa: PLC0415 - only this command needs numpy and libvips

    console = Console(highlight=False, stderr=as_json)
    splits = run.SPLITS if split == "all" else tuple(one for one in run.SPLITS if one == split)
    if not splits or (quick and keep):
        raise typer.BadParameter("--split is train, seen, test or all; --quick measures too little to be recorded")
    with ends_plainly(console):
        found = run.run(splits, console.print, quick=quick)
        if keep:
            report.record(found, console.print)
    if as_json:
        typer.echo(json.dumps({name: half.figures() for name, half in found.items()}, indent=2))
        return
    for name, half in found.items():
        console.print(_rates(name, half))


@app.command()
def looks(
    *,
    megapixels: Annotated[int, typer.Option(min=1, help="How large the result is.")] = 200,
    rounds: Annotated[int, typer.Option(min=1, help="How often, by turns.")] = 3,
    as_json: Json = False,
    keep: Record = False,
) -> None:
    """Measure what the checks of one large result cost, beside a bare decode of the same file."""
    from bench.checks import cost  # noqa: PLC0415 - only this command needs libvips

    console = Console(highlight=False, stderr=as_json)
    with ends_plainly(console):
        found = cost.cost(megapixels, rounds, console.print)
        if keep:
            cost.record(found, console.print)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], indent=2))
    else:
        console.print(_costs(found, cost.PROMISED))


def _costs(found: list["Cost"], promised: float) -> Table:
    table = Table(title="CPU of one look at a result", title_justify="left", title_style="bold")
    table.add_column("", no_wrap=True)
    for name in ("MP", "look s", "averaged s", "times", "unused s", "times"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found:
        averaged, thrown = (f"{ratio:.2f}" for ratio in one.ratios)
        seconds = (f"{one.look_s:.2f}", f"{one.average_s:.2f}", averaged, f"{one.nowhere_s:.2f}", thrown)
        table.add_row(one.kind, f"{one.megapixels:.0f}", *seconds)
    kept = all(one.ratios[0] <= promised for one in found)
    table.caption = (
        "Beside a bare decode of the file whose pixels are averaged, and one whose pixels are not used.\n"
        f"At most {promised:g} times the first is promised: {'kept' if kept else 'NOT kept'}."
    )
    table.caption_justify = "left"
    return table


def _rates(name: str, half: "Half") -> Table:
    title = f"{name.capitalize()}: {half.photographs} photographs"
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for column in ("trials", "fail", "95 %", "warn", "same"):
        table.add_column(column, justify="right", no_wrap=True)
    group = ""
    for rate in sorted(half.rates, key=lambda one: ("fine", "gross", "subtle", "other").index(one.group)):
        if rate.group != group:
            group = rate.group
            table.add_section()
            table.add_row(group, style="bold")
        bounds = f"{rate.low:.1%} to {rate.high:.1%}"
        table.add_row(
            f"  {rate.name}", str(rate.trials), f"{rate.rate:.1%}", bounds, str(rate.warned), str(rate.skipped)
        )
    alarms = next(one for one in half.totals if one.group == "fine")
    table.caption = (
        f"False alarms: {alarms.failed} of {alarms.trials}. The promises are {'kept' if half.kept else 'NOT kept'}."
    )
    table.caption_justify = "left"
    return table


def _comparison(found: Contest) -> Table:
    table = Table(title=f"{found.results[0].orders:,} orders each", title_justify="left", title_style="bold")
    table.add_column("", no_wrap=True)
    for name in ("orders/s", "CPU s per 1000", "MB", "p50 ms", "p99 ms"):
        table.add_column(name, justify="right", no_wrap=True)
    for result in sorted(found.results, key=lambda one: -one.per_s):
        spent = [result.python_cpu, result.cpu["PostgreSQL"], result.cpu["RabbitMQ"]]
        late = result.trickle
        table.add_row(
            result.name,
            f"{result.per_s:,.0f}",
            " / ".join(f"{seconds:.2f}" for seconds in spent),
            f"{max(result.rss_mb.values()):.0f}",
            *((f"{late.p50_ms:.1f}", f"{late.p99_ms:.1f}") if late else ("", "")),
            style="bold green" if result.name == "Enlarger" else None,
        )
    pgbench = f"pgbench alone: {found.pgbench_per_s:,.0f} orders/s. " if found.pgbench_per_s else ""
    table.caption = (
        "CPU: Python / PostgreSQL / RabbitMQ. MB: the largest process. Milliseconds: at 20 orders/s.\n"
        f"{pgbench}One queue: {found.published_per_s:,.0f} publishes/s, {found.consumed_per_s:,.0f} consumed/s."
    )
    table.caption_justify = "left"
    return table


def _clock_summary(result: ClockResult) -> RenderableType:
    table = Table(title=f"{result.sleeping:,} jobs asleep, {result.due:,} due at once", show_header=False)
    table.title_justify = "left"
    table.add_row("wake-ups a second", f"{result.per_s:,.0f}, and {result.per_core_s:,.0f} for each second of CPU")
    table.add_row("late at 500 falling due a second", f"p99 {result.steady_late_p99_s:.2f} s")
    table.add_row("oldest first", "yes" if result.oldest_first else "NO")
    table.add_row("memory", f"{result.rss_before_mb:.0f} MB before, {result.rss_after_mb:.0f} MB after")
    table.add_row("cost of a wake-up", f"{result.growth:.2f} times that with {result.costs[0].sleeping:,} asleep")
    return Group(table, Text(result.plan, style="dim"))


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
    table.caption = (
        f"publish to mail: at once p50 {result.saturated.p50_ms:.0f} ms, p99 {result.saturated.p99_ms:.0f} ms"
    )
    if result.trickle:
        table.caption += f"\nat 20 orders/s p50 {result.trickle.p50_ms:.1f} ms, p99 {result.trickle.p99_ms:.1f} ms"
    return table
