"""What people and machines read of a run."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.chaos.faults import FAULTS
from tests.chaos.run import Outcome


def as_dict(outcome: Outcome) -> dict[str, Any]:
    """Everything countable, for --json."""
    verdict, evidence = outcome.verdict, outcome.evidence
    return {
        "seed": outcome.plan.setup.seed,
        "orders": outcome.plan.orders,
        "seconds": outcome.plan.seconds,
        "paid": verdict.paid,
        "delivered": verdict.delivered,
        "refunded": verdict.refunded,
        "checkouts_refused": outcome.refused,
        "kills": evidence.kills,
        "redeliveries": evidence.redeliveries,
        "failed_calls": evidence.failed_calls,
        "poison": len(evidence.poison),
        "dead_letters": len(evidence.dead),
        "quiet_after_s": outcome.quiet_after_s and round(outcome.quiet_after_s, 1),
        "operator": list(outcome.operator),
        "missed": list(outcome.missed),
        "bites": {name: outcome.bites.get(name, 0) for name in outcome.plan.faults},
        "crash_points": dict(sorted(outcome.crashes.items())),
        "ambiguities": list(verdict.ambiguities),
        "violations": [vars(violation) | {} for violation in verdict.violations],
        "settings": dict(outcome.settings),
        "versions": outcome.versions,
    }


def show(console: Console, outcome: Outcome) -> None:
    told = as_dict(outcome)
    table = Table(title=f"Faults, seed {told['seed']}", title_justify="left", box=None)
    for heading, justify in (("fault", "left"), ("bit", "right"), ("", "left")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type] # two of rich's words
    for name, times in told["bites"].items():
        table.add_row(name, str(times), FAULTS[name].about)
    console.print(table)
    counts = ("paid", "delivered", "refunded", "kills", "redeliveries", "failed_calls", "dead_letters", "quiet_after_s")
    console.print(", ".join(f"{name.replace('_', ' ')} {told[name]}" for name in counts))
    console.print(f"{len(told['ambiguities'])} repeats excused by a lost answer")
    for action in outcome.operator:
        console.print(f"the operator {action}")
    for miss in outcome.missed:
        console.print(f"a fault missed its target: {miss}", markup=False)
    for violation in outcome.verdict.violations:
        console.print(f"[bold red]violation[/] {violation}", markup=True, soft_wrap=True)
    console.print("[green]no violation[/]" if not outcome.verdict.violations else "[bold red]it did not hold[/]")


def as_json(outcomes: Sequence[Outcome], mutants: Mapping[str, str]) -> str:
    """`mutants`: for each broken control the judge's first words, "" when it saw nothing."""
    return json.dumps({"runs": [as_dict(outcome) for outcome in outcomes], "mutants": mutants}, indent=2)


def page(outcomes: Sequence[Outcome], mutants: Mapping[str, str]) -> str:
    """docs/chaos.md."""
    runs = [as_dict(outcome) for outcome in outcomes]
    columns = ("seed", "orders", "seconds", "paid", "delivered", "refunded", "kills", "redeliveries", "failed_calls")
    lines = [
        "# Chaos: what was done to it, and what held",
        "",
        "Made by `./enlarger chaos --report docs/chaos.md`. The rules are in `tests/chaos/judge.py`.",
        "",
        f"Servers: {runs[0]['versions']}.",
        "",
        "| " + " | ".join((*columns, "ambiguous", "violations")).replace("_", " ") + " |",
        "| " + " | ".join("---:" for _ in range(len(columns) + 2)) + " |",
        *(
            "| "
            + " | ".join([*(str(run[c]) for c in columns), str(len(run["ambiguities"])), str(len(run["violations"]))])
            + " |"
            for run in runs
        ),
        "",
        "*Ambiguous*: a submission or a mail that was repeated because its answer was lost.",
        "",
        *dict.fromkeys(f"- Seed {run['seed']}: the operator {action}" for run in runs for action in run["operator"]),
        "",
        "| fault | what | " + " | ".join(f"bit, seed {run['seed']}" for run in runs) + " |",
        "| --- | --- | " + " | ".join("---:" for _ in runs) + " |",
        *(
            f"| {name} | {fault.about} | " + " | ".join(str(run["bites"].get(name, 0)) for run in runs) + " |"
            for name, fault in FAULTS.items()
        ),
        "",
        "Settings that differ from the defaults: "
        + ", ".join(f"`{name}={value}`" for name, value in runs[0]["settings"].items())
        + ".",
    ]
    if mutants:
        lines += ["", "| broken control | the judge's first words |", "| --- | --- |"]
        lines += [f"| {name} | {words} |" for name, words in mutants.items()]
    return "\n".join(lines) + "\n"
