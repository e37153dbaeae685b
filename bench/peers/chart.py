"""Draws the recorded figures: `chart.py FIGURES.json FOLDER`."""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({
    "svg.hashsalt": "enlarger", "svg.fonttype": "none", "font.size": 10, "font.family": "sans-serif", "axes.spines.top": False,
    "axes.spines.right": False, "figure.facecolor": "white",
})
import matplotlib.pyplot as plt  # noqa: E402

OURS, OTHERS, SECOND = "#0b7a75", "#b8c0c8", "#d98324"


def save(figure, file: Path) -> None:
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None, "Creator": None})
    plt.close(figure)


def peers(found: dict, folder: Path) -> None:
    results = sorted(found["results"], key=lambda result: result["per_s"])
    names = [result["name"] for result in results]
    values = [result["per_s"] for result in results]
    figure, axes = plt.subplots(figsize=(7.2, 0.5 + 0.42 * len(names)))
    bars = axes.barh(names, values, color=[OURS if name == "Enlarger" else OTHERS for name in names], height=0.66)
    axes.bar_label(bars, labels=[f"{value:,.0f}" for value in values], padding=4)
    axes.set_xlabel("orders per second, five stages, nothing lost (more is better)")
    axes.set_xlim(0, max(values) * 1.12)
    axes.tick_params(axis="y", length=0)
    save(figure, folder / "peers.svg")


def clock(found: dict, folder: Path) -> None:
    costs = found["costs"]
    asleep = [cost["sleeping"] for cost in costs]
    ours = [cost["clock_us"] for cost in costs]
    theirs = [cost["postgres_us"] for cost in costs]
    figure, axes = plt.subplots(figsize=(7.2, 2.8))
    axes.plot(asleep, [a + b for a, b in zip(ours, theirs)], marker="o", color=OURS, label="together")
    axes.plot(asleep, theirs, marker="o", color=SECOND, label="PostgreSQL")
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("jobs asleep")
    axes.set_ylabel("CPU, µs a wake-up")
    axes.legend(frameon=False, loc="lower right")
    save(figure, folder / "clock.svg")


if __name__ == "__main__":
    known, target = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    for name, draw in (("peers", peers), ("clock", clock)):
        if name in known:
            draw(known[name], target)
