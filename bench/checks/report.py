"""docs/benchmarks/checks.*: the recorded rates as figures, page and chart."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import machine
from bench.checks.detection import FALSE_ALARMS, PROMISED
from bench.checks.run import Half
from local.layout import ROOT
from local.servers import Say

FOLDER = ROOT / "docs" / "benchmarks"
FIGURES = FOLDER / "checks.json"
GROUPS = {
    "gross": f"Gross corruptions (promised: at least {PROMISED['gross']:.0%})",
    "subtle": f"Subtle corruptions (promised: at least {PROMISED['subtle']:.0%})",
    "other": "Other strengths and kinds (no promise)",
    "fine": f"Fine enlargements (promised: at most {FALSE_ALARMS:.1%} fail)",
}
COLOURS = {"gross": "#0b7a75", "subtle": "#2f6db5", "other": "#98a2ad", "fine": "#d98324"}
_HEAD = """# How well the checks of the picture tell good from bad

Made by `./enlarger bench checks --record`; do not edit. Measured on {photographs} real photographs
([where from](../photographs.md)). The checks and their thresholds ([the table](../quality.md)) were set on *train*
alone and committed before *test* was first run: photographs of sources that nobody had looked at until then. *Seen* was
the test of earlier checks, whose mistakes on it were known when the checks changed. Its photographs and those of
*train* are told apart by a hash of their names.
*Detected* means that the verdict was `fail`. Intervals are Wilson's at 95 %. "Of photographs" counts the photographs
of which at least one trial ended in `fail`. What a corruption leaves as it was (channels of a grey picture swapped, a
tile of plain sky moved) is left out and counted as *no change*. What has no promise, and the slow enlarger, is tried on
one photograph in three.

![detection rates on the test photographs](checks.svg)
"""


def record(halves: Mapping[str, Half], say: Say) -> None:
    """Keep these figures, and make page and chart anew; a part that was not run keeps its last figures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    known = json.loads(FIGURES.read_text("utf-8")) if FIGURES.exists() else {}
    for name, half in halves.items():
        date = datetime.now(UTC).date().isoformat()
        known[name] = half.figures() | {"date": date, "machine": machine.described()}
    FIGURES.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", "utf-8")
    write(known, FOLDER)
    say(f"Recorded in {FOLDER.relative_to(ROOT)}")


def write(known: Mapping[str, Any], folder: Path) -> None:
    """Page and chart of these figures."""
    photographs = sum(half["photographs"] for half in known.values())
    order = [name for name in ("test", "seen", "train") if name in known]
    parts = [_HEAD.format(photographs=photographs), *(_half(name, known[name]) for name in order)]
    (folder / "checks.md").write_text("\n".join(parts), "utf-8")
    (folder / "checks.svg").write_text(chart(known[order[0]]), "utf-8")


def _half(name: str, half: Mapping[str, Any]) -> str:
    lines = [f"## {name.capitalize()}: {half['photographs']} photographs\n"]
    lines += [_summary(half), ""]
    for group, title in GROUPS.items():
        lines += [f"### {title}\n", "| | trials | failed | rate (95 %) | warned | no change | of photographs |"]
        lines.append("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
        lines += [_row(rate) for rate in half["rates"] if rate["group"] == group]
        lines.append("")
    if half["misses"]:
        lines.append("### False alarms, and promised corruptions that did not fail\n")
        lines += [f"- {m['name']}: `{m['photograph']}`, {m['kind']} {', '.join(m['reasons'])}" for m in half["misses"]]
        lines.append("")
    machine_words = ", ".join(f"{key} {value}" for key, value in half["machine"].items())
    return "\n".join([*lines, f"*{half['date']}; {machine_words}.*\n"])


def _summary(half: Mapping[str, Any]) -> str:
    words = []
    for total in half["totals"]:
        share = total["failed"] / total["trials"] if total["trials"] else 0
        verb = "false alarms" if total["group"] == "fine" else "detected"
        words.append(
            f"{total['group']}: {share:.2%} {verb} ({total['failed']} of {total['trials']:,}, "
            f"{total['low']:.2%} to {total['high']:.2%})"
        )
    promises = "All promises are kept." if half["kept"] else f"**Not every promise is kept**: {_broken(half)}."
    return "; ".join(words) + f". {promises}"


def _broken(half: Mapping[str, Any]) -> str:
    """Where the rates fall short of what was promised."""
    words = []
    for rate in half["rates"]:
        share = rate["failed"] / rate["trials"] if rate["trials"] else 1.0
        if rate["group"] in PROMISED and share < PROMISED[rate["group"]]:
            words.append(f"{rate['name']} {share:.1%} instead of {PROMISED[rate['group']]:.0%}")
    fine = next(total for total in half["totals"] if total["group"] == "fine")
    alarms = fine["failed"] / fine["trials"] if fine["trials"] else 0.0
    if alarms > FALSE_ALARMS:
        words.append(f"false alarms {alarms:.2%} instead of {FALSE_ALARMS:.1%}")
    return ", ".join(words)


def _row(rate: Mapping[str, Any]) -> str:
    share = rate["failed"] / rate["trials"] if rate["trials"] else 0
    bounds = f"{share:.1%} ({rate['low']:.1%} to {rate['high']:.1%})"
    photographs = f"{rate['photographs_failed']} of {rate['photographs']}"
    counts = f"{rate['trials']} | {rate['failed']} | {bounds} | {rate['warned']} | {rate['skipped']} | {photographs}"
    return f"| {rate['name']} | {counts} |"


def chart(half: Mapping[str, Any]) -> str:
    """Bars of the rate of `fail`, with its interval, as SVG."""
    row, left, wide = 20, 250, 420
    lines: list[str] = []
    y = 44
    for group, title in GROUPS.items():
        lines.append(f'<text x="10" y="{y}" font-weight="bold">{_plain(title)}</text>')
        y += 10
        for rate in (one for one in half["rates"] if one["group"] == group and one["trials"]):
            share = rate["failed"] / rate["trials"]
            middle = y + row / 2
            low, high = (left + wide * rate[end] for end in ("low", "high"))
            lines += [
                f'<text x="{left - 8}" y="{middle + 4}" text-anchor="end">{_plain(rate["name"])}</text>',
                f'<rect x="{left}" y="{y + 3}" width="{wide}" height="{row - 6}" fill="#eef1f4"/>',
                f'<rect x="{left}" y="{y + 3}" width="{wide * share:.1f}" height="{row - 6}" fill="{COLOURS[group]}"/>',
                f'<path d="M{low:.1f} {middle}H{high:.1f}" stroke="#222" stroke-width="1.5"/>',
                f'<text x="{left + wide + 8}" y="{middle + 4}">{share:.1%}</text>',
            ]
            y += row
        y += 28
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="740" height="{y}" viewBox="0 0 740 {y}" '
        'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>'
        '<text x="10" y="16" fill="#555">Share of trials whose verdict is fail, with its 95 % interval</text>'
    )
    return "\n".join([head, *lines, "</svg>"]) + "\n"


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
