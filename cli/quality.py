"""docs/quality.md: the checks of the picture, made from the table of thresholds and the recorded rates."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).resolve().parent.parent / "docs" / "benchmarks"
FIGURES = _FOLDER / "checks.json"
COSTS = _FOLDER / "cost.json"

_HEAD = """\
# The checks of the picture

Made from the code by `./enlarger docs`; the limits stand in `services/finisher/quality/thresholds.py`.

What came back is compared with a reduced copy of the source (long side 512), and samples of its full resolution are
looked at for what enlarging can spoil, in one pass. A value at the limit of *fail* or beyond is not delivered; at
*warn* it is delivered and raises attention. The score is 1 where there is nothing to find, 0.5 where a check just
fails, 0 at twice that and beyond. Before any of this the file must decode as a whole and have exactly the size that was
sold.

| check | nothing wrong | warn | fail | what it catches |
| --- | ---: | ---: | ---: | --- |
"""


def page() -> str:
    """The checks of the picture with their thresholds, and the detection rates that were recorded last."""
    from services.finisher.quality.thresholds import CHECKS  # noqa: PLC0415 - brings numpy and libvips along

    known = json.loads(FIGURES.read_text("utf-8")) if FIGURES.exists() else {}
    head = _HEAD.splitlines()
    rows = [
        f"| `{c.name}`: {c.measures} | {c.ideal:g} | {_limit(c.warn)} | {_limit(c.fail)} | {c.catches} |"
        for c in CHECKS
    ]
    return "\n".join([*head, *rows, *_cost(), *_detected(known.get("test"))]) + "\n"


def _limit(value: float | None) -> str:
    return "never" if value is None else f"{value:g}"


def _cost() -> list[str]:
    if not COSTS.exists():
        return []
    known = json.loads(COSTS.read_text("utf-8"))
    lines = [
        "",
        "## What a look costs",
        "",
        "CPU seconds of the process that decodes and judges one result (`./enlarger bench looks`), beside a process",
        "that only decodes the same file and averages its pixels, and one that throws them away. The result is a",
        "photograph, enlarged, with noise.",
        "",
        "| | megapixels | look | bare decode | times | thrown away | times |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for one in known["costs"]:
        look_s, average_s, nowhere_s = one["look_s"], one["average_s"], one["nowhere_s"]
        lines.append(
            f"| {one['kind']} | {one['megapixels']:.0f} | {look_s:.2f} | {average_s:.2f} | {look_s / average_s:.2f} "
            f"| {nowhere_s:.2f} | {look_s / nowhere_s:.2f} |"
        )
    machine = ", ".join(f"{key} {value}" for key, value in known["machine"].items())
    return [*lines, "", f"*{known['date']}; {machine}.*"]


def _detected(half: Mapping[str, Any] | None) -> list[str]:
    if half is None:
        return []
    groups = {total["group"]: total for total in half["totals"]}
    fine = groups["fine"]
    lines = [
        "",
        "## Measured",
        "",
        f"On {half['photographs']} photographs that nobody had looked at before checks and limits stood",
        "([all figures](benchmarks/checks.md), `./enlarger bench checks`):",
        f"{fine['failed']} of {fine['trials']} fine enlargements failed,",
        f"with 95 % confidence at most {fine['high']:.1%} do.",
        "",
        "| corruption | detected | 95 % confidence |",
        "| --- | ---: | --- |",
    ]
    for rate in half["rates"]:
        if rate["group"] != "fine" and rate["trials"]:
            share = rate["failed"] / rate["trials"]
            lines.append(f"| {rate['name']} | {share:.1%} | {rate['low']:.1%} to {rate['high']:.1%} |")
    return lines
