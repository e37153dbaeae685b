"""The demo's closing summary: where everything lies, what each worker did, how long each stage took."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from cli.journey import LABELS, Journey
from cli.observer import Count
from local.layout import WORKERS


@dataclass(frozen=True)
class Ending:
    picture: Path
    size: tuple[int, int]
    comparison: Path
    mails: Sequence[Path]
    journeys: Mapping[str, Journey]
    events: Sequence[Count]
    folder: Path


def show(console: Console, ending: Ending, seconds: float) -> None:
    """Both tables, then the files, which stand last because people want them first."""
    for table in (_stages(ending.journeys), _events(ending.events), _files(ending)):
        console.print(table)
        console.print()
    delivered, refunded = ending.journeys
    console.print(f"[bold green]{delivered} was delivered, {refunded} was refunded[/], in {seconds:.1f} s.")


def _stages(journeys: Mapping[str, Journey]) -> Table:
    table = Table(title="Seconds in each stage", title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    table.add_column("stage")
    for title in journeys:
        table.add_column(title, justify="right")
    for stage, label in LABELS.items():
        table.add_row(label, *(_seconds(journey.seconds_in(stage)) for journey in journeys.values()))
    return table


def _events(events: Sequence[Count]) -> Table:
    table = Table(title="What each worker did", title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for name in ("worker", "event", "outcome"):
        table.add_column(name)
    table.add_column("times", justify="right")
    shown = ""
    for count in sorted(events, key=lambda count: (WORKERS.index(count.worker), count.event, count.outcome)):
        worker = count.worker if count.worker != shown else ""
        table.add_row(worker, count.event, count.outcome or "published", str(count.times))
        shown = count.worker
    return table


def _files(ending: Ending) -> Table:
    width, height = ending.size
    table = Table(title="To look at", title_justify="left", title_style="bold", show_header=False, box=None)
    table.add_row("the picture", f"{_short(ending.picture)}  ({width} x {height})")
    table.add_row("before and after", _short(ending.comparison))
    for number, mail in enumerate(ending.mails):
        table.add_row("the mails" if not number else "", _short(mail.with_suffix(".html")))
    table.add_row("the logs", _short(ending.folder / "logs"))
    return table


def _short(path: Path) -> str:
    """From where the person stands, when that is shorter."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.2f}"
