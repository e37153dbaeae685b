"""Columns over days or months as plain numbers: a template draws them as SVG, and no script is needed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, GAP, LABELS = 720.0, 170.0, 0.25, 24.0  # of the drawing; the share of a place that stays free


@dataclass(frozen=True, slots=True)
class Column:
    """One rectangle. `kind` names its colour; `told` is what it stands for."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    told: str


@dataclass(frozen=True, slots=True)
class Label:
    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Above `zero` is what came in, below what went out; `top` is the largest value."""

    columns: Sequence[Column]
    labels: Sequence[Label]
    zero: float
    top: float
    most: int
    width: float = WIDTH
    height: float = HEIGHT


@dataclass(frozen=True, slots=True)
class Place:
    """One day or month: what is drawn above zero and below, by kind; `told` by kind."""

    name: str
    above: Mapping[str, int]
    below: Mapping[str, int]
    told: Mapping[str, str]


def draw(places: Sequence[Place], every: int = 1) -> Chart:
    """All of them side by side, on one scale; every so many have their name under them."""
    highest = max([sum(place.above.values()) for place in places] + [0])
    lowest = max([sum(place.below.values()) for place in places] + [0])
    room = HEIGHT - LABELS
    per_unit = room / max(highest + lowest, 1)
    zero = highest * per_unit
    step = WIDTH / max(len(places), 1)
    columns: list[Column] = []
    for at, place in enumerate(places):
        left, width = at * step + step * GAP / 2, step * (1 - GAP)
        columns += _stacked(place, place.above, (left, width, zero), -per_unit)
        columns += _stacked(place, place.below, (left, width, zero), per_unit)
    labels = [Label(at * step + step / 2, place.name) for at, place in enumerate(places) if at % every == 0]
    return Chart(columns, labels, round(zero, 1), 0.0, highest)


def _stacked(
    place: Place, parts: Mapping[str, int], where: tuple[float, float, float], per_unit: float
) -> list[Column]:
    left, width, edge = where
    found = []
    for kind, value in parts.items():
        if value <= 0:
            continue
        height = max(abs(value * per_unit), 1.0)
        top = edge - height if per_unit < 0 else edge
        edge = top if per_unit < 0 else edge + height
        found.append(Column(round(left, 1), round(top, 1), round(width, 1), round(height, 1), kind, place.told[kind]))
    return found
