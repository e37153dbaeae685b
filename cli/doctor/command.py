"""The command itself: looks at everything, prints each finding as it comes, and says how to mend what is wrong."""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Annotated

import typer
from pydantic import ValidationError
from pydantic_core import to_json
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.doctor import outside, servers, settings
from cli.doctor.findings import Finding, State
from cli.office import CliSettings, Json

MARKS = {
    State.GOOD: ("✔", "green"),
    State.WARNING: ("!", "yellow"),
    State.BAD: ("✘", "bold red"),
    State.UNSEEN: ("-", "dim"),
}


def doctor(
    *,
    worker: Annotated[
        settings.Place | None,
        typer.Option(
            help="Only what this one is told: for its own container, where the others' settings are not.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Look at every setting and connection; say what is wrong, and how to mend it. Exit 1 when something is."""
    console = Console(highlight=False)
    findings = []
    for finding in examine(worker):
        findings.append(finding)
        if not json:
            console.print(_line(finding))
    wrong = sum(finding.state is State.BAD for finding in findings)
    if json:
        sys.stdout.write(to_json([asdict(finding) for finding in findings], indent=2).decode() + "\n")
    else:
        word = "Everything is as it should be." if not wrong else f"{wrong} to mend."
        console.print(f"\n[bold {'red' if wrong else 'green'}]{word}[/]")
    raise typer.Exit(1 if wrong else 0)


def examine(worker: settings.Place | None = None, now: Callable[[], float] = time.time) -> Iterator[Finding]:
    """Every finding, in the order in which they are best mended, of all workers or one. `now`: this machine's clock."""
    known, findings = settings.read(worker)
    yield from findings
    ingest = known.ingest()
    if ingest:
        yield from settings.shapes(ingest)
    try:
        own = CliSettings()
    except ValidationError:
        return  # DATABASE_URL is among the findings already
    yield from servers.database(own.database_url, now)
    if own.amqp_url:
        yield from servers.broker(own.amqp_url)
    yield from outside.look(known)


def _line(finding: Finding) -> Table:
    mark, style = MARKS[finding.state]
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=1)
    grid.add_column(width=23, no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(Text(mark, style=style), Text(finding.name, style="bold"), Text(finding.told))
    if finding.fix:
        grid.add_row("", "", Text.assemble(("→ ", "cyan"), (finding.fix, "cyan")))
    return grid
