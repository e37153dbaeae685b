"""What a dashboard is made of. No Grafana in here: `cli.boards.grafana` turns these values into its JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["graph", "stat", "bars"]


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression and how its series are named."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """`unit` in Grafana's words, `runbook` an entry of docs/runbook.md; a stat turns `warn` and red at `bad`."""

    title: str
    unit: str
    description: str
    runbook: str
    queries: Sequence[Query]
    kind: Kind = "graph"
    warn: float | None = None
    bad: float | None = None
    may_be_negative: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """Panels beside each other, under a heading."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard."""

    uid: str
    title: str
    description: str
    rows: Sequence[Row]


def quantiles(histogram: str, by: str = "", where: str = "") -> tuple[Query, ...]:
    """The median and the 95th percentile of a histogram, by one label or over all."""
    names = f"le, {by}" if by else "le"
    legend = f"{{{{{by}}}}} " if by else ""
    return tuple(
        Query(
            f"histogram_quantile({q}, sum by ({names}) (rate({histogram}_bucket{{{where}}}[$__rate_interval])))",
            f"{legend}{word}",
        )
        for q, word in ((0.5, "median"), (0.95, "p95"))
    )


def per_s(counter: str, by: str, where: str = "") -> Query:
    """How often a second, by one label."""
    return Query(f"sum by ({by}) (rate({counter}{{{where}}}[$__rate_interval]))", f"{{{{{by}}}}}")


def in_range(counter: str, by: str = "", where: str = "") -> Query:
    """How much over the time that the dashboard shows."""
    grouped = f"sum by ({by})" if by else "sum"
    return Query(f"{grouped} (increase({counter}{{{where}}}[$__range]))", f"{{{{{by}}}}}" if by else "")
