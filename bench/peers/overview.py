"""Draws what the dashboards show: `overview.py FIGURES.json FILE.png`."""

import json
import math
import sys
from pathlib import Path

import matplotlib

matplotlib.use("agg")
matplotlib.rcParams.update({
    "font.size": 8.5, "font.family": "sans-serif", "axes.spines.top": False, "axes.spines.right": False,
    "axes.edgecolor": "#9aa4ad", "xtick.color": "#5b6670", "ytick.color": "#5b6670", "axes.titlelocation": "left",
    "axes.titlesize": 9.5, "axes.titleweight": "bold", "figure.facecolor": "white", "axes.grid": True,
    "grid.color": "#e6eaee", "axes.axisbelow": True,
})
import matplotlib.pyplot as plt  # noqa: E402

COLOURS = ("#0b7a75", "#d98324", "#4c6ef5", "#c2255c", "#7a5195", "#5c940d", "#868e96", "#22b8cf")
UNITS = {"s": "seconds", "ops": "a second", "short": "", "currencyUSD": "dollars", "percentunit": "cores"}


def draw(axes, figure: dict) -> None:
    shown = {name: points for name, points in figure["lines"].items() if any(value for _, value in points)}
    ranked = sorted(shown, key=lambda name: -max(abs(v) for _, v in shown[name] if not math.isnan(v)) if any(
        not math.isnan(v) for _, v in shown[name]) else 0)[: len(COLOURS)]
    for name, colour in zip(ranked, COLOURS):
        at, values = zip(*shown[name])
        axes.plot(at, values, color=colour, linewidth=1.6, label=name)
    unit = UNITS.get(figure["unit"], figure["unit"])
    axes.set_title(figure["title"] + (f", {unit}" if unit else ""))
    axes.margins(x=0)
    if not any(value < 0 for name in ranked for _, value in shown[name]):
        axes.set_ylim(bottom=0)
    if len(ranked) > 1 or (ranked and ranked[0]):
        axes.legend(frameon=False, fontsize=7, ncols=2, loc="upper left", handlelength=1.2, columnspacing=1)
        low, high = axes.get_ylim()
        axes.set_ylim(low, high + (high - low) * (0.12 + 0.11 * math.ceil(len(ranked) / 2)))


def main(figures: list, file: Path) -> None:
    columns = 3
    rows = math.ceil(len(figures) / columns)
    sheet, axes = plt.subplots(rows, columns, figsize=(14, 2.87 * rows))
    for cell in axes.flat[len(figures) :]:
        cell.set_visible(False)
    for cell, figure in zip(axes.flat, figures):
        draw(cell, figure)
    for cell in axes[-1]:
        cell.set_xlabel("seconds since the first order")
    sheet.tight_layout(h_pad=1.6, w_pad=1.4)
    sheet.savefig(file, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
