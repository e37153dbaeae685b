"""What `./enlarger chaos` does with its options."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from local.processes import LocalError
from tests.chaos import mutants, report
from tests.chaos.faults import FAULTS
from tests.chaos.run import Outcome, Plan, durable_servers, run
from tests.chaos.world import Setup


@dataclass(frozen=True)
class Wanted:
    """The command's options."""

    orders: int
    seconds: float
    seeds: Sequence[int]
    faults: Sequence[str]
    mutate: Sequence[str] = ()
    json: bool = False
    report: Path | None = None


def main(console: Console, folder: Path, wanted: Wanted) -> bool:
    """True when every promise held, and every mutant was noticed."""
    unknown = [name for name in wanted.faults if name not in FAULTS]
    if unknown:
        raise LocalError(f"unknown fault {', '.join(unknown)}; known: {', '.join(FAULTS)}")
    outcomes: list[Outcome] = []
    caught: dict[str, str] = {}
    with durable_servers(folder, console.print) as servers:
        if wanted.mutate:
            caught = mutants.hunt(servers, folder, console.print, wanted.mutate)
        if wanted.report or not wanted.mutate:
            for seed in wanted.seeds:
                plan = Plan(wanted.orders, wanted.seconds, Setup(seed), tuple(wanted.faults or FAULTS))
                outcomes.append(run(servers, folder / f"seed-{seed}", plan, console.print))
                report.show(console, outcomes[-1])
                (folder / f"seed-{seed}" / "outcome.json").write_text(report.as_json(outcomes[-1:], {}), "utf-8")
    if wanted.json:
        print(report.as_json(outcomes, caught))  # noqa: T201 - the command's product
    if wanted.report and outcomes:
        wanted.report.write_text(report.page(outcomes, caught), "utf-8")
    return all(not outcome.verdict.violations for outcome in outcomes) and all(caught.values())
