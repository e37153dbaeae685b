"""`./enlarger test`: everything that must hold before a change lands, each step with its seconds."""

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from local.bootstrap import ROOT
from local.signals import exit_on_sigterm

_REPORT = ROOT / ".enlarger" / "tests.xml"
_BIN = Path(sys.executable).parent
_STEPS = {
    "ruff check": ("ruff", "check", "--quiet"),
    "ruff format": ("ruff", "format", "--check", "--quiet"),
    "lint-imports": ("lint-imports",),
    "mypy": ("mypy",),
}
_MOST_PROCESSES = 4
# Who chooses tests, or wants to see or stop inside one, gets one process, whose output comes as it happens.
_BY_HAND = ("-k", "-m", "-n", "-s", "--numprocesses", "--pdb")
# Each test has its own time limit, and the session too (pyproject.toml); this is for what gets past both.
_LONGEST_S = 85 * 60
_CLEANS_UP_S = 60


@dataclass(frozen=True)
class Step:
    name: str
    passed: bool
    seconds: float
    output: str = ""


@dataclass(frozen=True)
class Count:
    """What pytest counted; an error outside a test's own body is a failure too."""

    passed: int
    failed: int
    skipped: int

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def run(
    context: typer.Context,
    *,
    quick: Annotated[bool, typer.Option(help="Lint, types and unit tests only.")] = False,
) -> None:
    """Run every check: ruff, mypy, import-linter, pytest. Further arguments go to pytest.

    Without -k or a test's path, pytest runs in a process for each core (at most 4); -n says how many.
    """
    console = Console(highlight=False)
    steps = _run_beside_each_other(console)
    chosen = [*processes(context.args, os.cpu_count() or 1), *context.args, *_quick_folder(context.args, quick=quick)]
    tests, count = _pytest(chosen)
    steps.append(tests)
    console.print(Rule())
    for step in steps:
        console.print(_line(step))
    console.print(str(count))
    raise typer.Exit(0 if all(step.passed for step in steps) else 1)


def _quick_folder(arguments: Sequence[str], *, quick: bool) -> list[str]:
    return ["tests/unit"] if quick and not _names_a_test(arguments) else []


def processes(arguments: Sequence[str], cores: int) -> list[str]:
    """What tells pytest in how many processes to run."""
    by_hand = _names_a_test(arguments) or any(argument.startswith(_BY_HAND) for argument in arguments)
    return [] if by_hand or cores == 1 else [f"-n{min(_MOST_PROCESSES, cores)}"]


def _names_a_test(arguments: Sequence[str]) -> bool:
    paths = [(ROOT / argument.partition("::")[0]).resolve() for argument in arguments]
    return any(path.is_relative_to(ROOT / "tests") and path.exists() for path in paths)


def _run_beside_each_other(console: Console) -> list[Step]:
    """The linters are independent; mypy alone takes as long as the rest."""
    with ThreadPoolExecutor() as pool:
        steps = list(pool.map(_lint, _STEPS))
    for step in steps:
        console.print(_line(step))
        if not step.passed:
            console.print(Text(step.output.rstrip()))
    return steps


def _lint(name: str) -> Step:
    began = time.monotonic()
    program, *arguments = _STEPS[name]
    done = subprocess.run(
        [str(_BIN / program), *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Step(name, done.returncode == 0, time.monotonic() - began, done.stdout)


def _pytest(arguments: Sequence[str]) -> tuple[Step, Count]:
    """Runs pytest with its output as it comes; the counts are from its own report."""
    began = time.monotonic()
    _REPORT.parent.mkdir(exist_ok=True)
    _REPORT.unlink(missing_ok=True)
    command = [sys.executable, "-P", "-m", "pytest", f"--junitxml={_REPORT}", *arguments]
    with exit_on_sigterm(), subprocess.Popen(command, cwd=ROOT) as pytest:
        code = _ended(pytest)
    return Step("pytest", code == 0, time.monotonic() - began), counted(_REPORT)


def _ended(pytest: subprocess.Popen[bytes]) -> int:
    """Its exit code. It ends whatever happens, and gets time to end what it started."""
    try:
        return pytest.wait(_LONGEST_S)
    except KeyboardInterrupt:
        return pytest.wait(_CLEANS_UP_S)  # the keyboard interrupted it too
    except (subprocess.TimeoutExpired, SystemExit):
        pytest.terminate()
        return pytest.wait(_CLEANS_UP_S)
    finally:
        pytest.kill()


def counted(report: Path) -> Count:
    """From a report in JUnit's format; no report means that pytest did not get that far."""
    if not report.exists():
        return Count(passed=0, failed=1, skipped=0)
    suites = ET.parse(report).getroot().iter("testsuite")  # noqa: S314 - pytest wrote it a moment ago
    numbers = [[int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")] for suite in suites]
    tests, failures, errors, skipped = (sum(column) for column in zip(*numbers, strict=True))
    failed = failures + errors
    return Count(passed=tests - failed - skipped, failed=failed, skipped=skipped)


def _line(step: Step) -> str:
    mark = "[green]passed[/]" if step.passed else "[bold red]FAILED[/]"
    return f"{step.name:<13} {mark}  {step.seconds:6.1f} s"
