"""Grafana's JSON of the dashboards, through its foundation SDK (a development dependency: import this where needed)."""

from collections.abc import Mapping
from typing import Any

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import BigValueGraphMode, LegendDisplayMode, VizOrientation
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableOption,
    VariableRefresh,
)

from cli.boards.panel import Board, Panel

WIDTH = 24
HEIGHTS = {"graph": 8, "stat": 4, "bars": 8}
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
# Where the runbook is served: the provisioned Grafana of docker-compose.yml serves docs/ itself.
RUNBOOK = "/public/enlarger/runbook.md"
_KINDS: Mapping[str, Any] = {"graph": timeseries.Panel, "stat": stat.Panel, "bars": bargauge.Panel}


def render(board: Board) -> str:
    """The dashboard as it is provisioned."""
    made = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.description)
        .tags(["enlarger"])
        .time("now-3h", "now")
        .timezone("browser")
        .refresh("30s")
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .with_variable(_service())
        .with_variable(dashboard.ConstantVariable("runbook").label("Runbook").value(RUNBOOK))
        .link(
            dashboard.DashboardLink("Enlarger")
            .type(DashboardLinkType.DASHBOARDS)
            .tags(["enlarger"])
            .include_vars(include_vars=True)
            .keep_time(keep_time=True)
        )
    )
    for row in board.rows:
        made = made.with_row(dashboard.Row(row.title))
        for panel in row.panels:
            made = made.with_panel(_panel(panel, _span(panel, [p.kind for p in row.panels])))
    return JSONEncoder(sort_keys=True, indent=2).encode(made.build()) + "\n"


def _service() -> dashboard.QueryVariable:
    """Which workers the panels of workers show."""
    everything = VariableOption(text="All", value="$__all", selected=True)
    return (
        dashboard.QueryVariable("service")
        .label("Service")
        .datasource(SOURCE)
        .query('label_values(up{job="enlarger"}, service)')
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".+")
        .current(everything)
    )


def _span(panel: Panel, kinds: list[str]) -> int:
    """Stats share what the row's other panels leave of the width; those are three or two in a line."""
    if panel.kind == "stat" and all(kind == "stat" for kind in kinds):
        return WIDTH // len(kinds)
    return WIDTH // 2 if len(kinds) in {2, 4} else WIDTH // 3


def _panel(panel: Panel, span: int) -> Any:
    made = (
        _KINDS[panel.kind]()
        .title(panel.title)
        .description(panel.description)
        .unit(panel.unit)
        .datasource(SOURCE)
        .span(span)
        .height(HEIGHTS[panel.kind])
        .links(
            [
                dashboard.DashboardLink("Runbook")
                .url(f"${{runbook}}#{panel.runbook.lower()}")
                .target_blank(target_blank=True)
            ]
        )
    )
    made = made if panel.may_be_negative else made.min(0)
    for number, query in enumerate(panel.queries):
        target = (
            prometheus.Dataquery().expr(query.expr).legend_format(query.legend or "__auto").ref_id(chr(65 + number))
        )
        made = made.with_target(target.instant() if panel.kind != "graph" else target.range())
    return _shaped(made, panel)


def _shaped(made: Any, panel: Panel) -> Any:
    if panel.kind == "graph":
        legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).show_legend(show_legend=True)
        return made.legend(legend).fill_opacity(8).line_width(1.5)
    steps = [Threshold(value=None, color="green")]
    steps += [Threshold(value=panel.warn, color="orange")] if panel.warn is not None else []
    steps += [Threshold(value=panel.bad, color="red")] if panel.bad is not None else []
    made = made.thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    made = made.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    if panel.kind == "bars":
        return made.orientation(VizOrientation.HORIZONTAL)
    return made.graph_mode(BigValueGraphMode.NONE)
