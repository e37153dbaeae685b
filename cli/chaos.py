"""`./enlarger chaos`: the real system under faults from a seeded schedule, judged by the sandbox's own ledgers."""

import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cli.failure import ends_plainly
from common.crash import MUTANTS
from local.bootstrap import ROOT

_FOLDER = ROOT / ".enlarger" / "chaos"


def chaos(  # noqa: PLR0913 - the options of a command
    *,
    orders: Annotated[int, typer.Option(min=1)] = 300,
    seconds: Annotated[float, typer.Option(min=5, help="How long faults come; healing and judging follow.")] = 120,
    seed: Annotated[list[int] | None, typer.Option(help="Every instant and victim; several make several runs.")] = None,
    fault: Annotated[list[str] | None, typer.Option(help="Only these faults (F1, F8, …); all by default.")] = None,
    mutate: Annotated[bool, typer.Option(help="Break one control at a time (6 min); each must be noticed.")] = False,
    mutant: Annotated[list[str] | None, typer.Option(help="Break only these controls.")] = None,
    json: Annotated[bool, typer.Option(help="The outcome as JSON on standard output.")] = False,
    report: Annotated[Path | None, typer.Option(help="Write the outcome as a page, for example docs/chaos.md.")] = None,
    folder: Annotated[Path, typer.Option(help="Made anew; logs and files of the run lie in it.")] = _FOLDER,
) -> None:
    """Injects faults while orders run, heals, waits for quiet, and judges. Exit code 1 when a promise was broken."""
    from tests.chaos.program import Wanted, main  # noqa: PLC0415 - the program needs the development environment

    console = Console(highlight=False, stderr=json)
    shutil.rmtree(folder, ignore_errors=True)
    broken = (mutant or MUTANTS) if mutate or mutant else ()
    wanted = Wanted(orders, seconds, seed or [7], fault or [], mutate=broken, json=json, report=report)
    with ends_plainly(console):
        held = main(console, folder, wanted)
    raise typer.Exit(0 if held else 1)
