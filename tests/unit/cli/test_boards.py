"""Dashboards, alerts and runbook belong together: no panel without words, no alert without help, no unknown name."""

import re

import pytest
import yaml

from cli import catalogue
from cli.boards import BOARDS
from cli.boards.grafana import render
from cli.boards.panel import Board, Panel
from local.bootstrap import ROOT

RULES = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text())
ALERTS = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]}
PANELS = {f"{board.uid}: {panel.title}": panel for board in BOARDS for row in board.rows for panel in row.panels}
RUNBOOK = (ROOT / "docs/runbook.md").read_text()
# What Prometheus itself, the client library and RabbitMQ's plugin bring.
FOREIGN = re.compile(r"up|process_\w+|rabbitmq_\w+")
NAME = re.compile(r"\b(?:enlarger_\w+|up(?=[{ )=])|process_\w+|rabbitmq_\w+)")


def _known() -> set[str]:
    parts = {"histogram": ("_bucket", "_sum", "_count")}
    return {f"{e.name}{part}" for e in catalogue.entries() for part in parts.get(e.kind, ("",))}


KNOWN = _known()


def _unknown(expression: str) -> set[str]:
    return {name for name in NAME.findall(expression) if name not in KNOWN and not FOREIGN.fullmatch(name)}


@pytest.mark.parametrize("name", PANELS)
def test_a_panel_says_what_it_shows_and_where_help_is(name: str) -> None:
    panel: Panel = PANELS[name]
    assert panel.title
    assert panel.unit
    assert panel.description.endswith(".")
    assert f"\n## {panel.runbook}\n" in RUNBOOK
    assert panel.queries
    assert not set().union(*(_unknown(query.expr) for query in panel.queries))


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_has_an_entry_in_the_runbook_and_a_test(name: str) -> None:
    rule = ALERTS[name]
    entry = RUNBOOK.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    assert all(f"- **{part}**" in entry for part in ("Means", "Look at", "Do"))
    assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{name.lower()}"
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert f"({rule['labels']['severity']})" in entry
    assert f"alertname: {name}\n" in (ROOT / "deploy/prometheus/rules_test.yml").read_text()
    assert not _unknown(rule["expr"])


def test_the_runbook_has_no_entry_that_no_alert_leads_to() -> None:
    assert set(re.findall(r"^## (\w+)$", RUNBOOK, re.MULTILINE)) == set(ALERTS)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_the_dashboard_that_is_provisioned_is_the_one_in_the_code(board: Board) -> None:
    assert (ROOT / "deploy/grafana/dashboards" / f"{board.uid}.json").read_text() == render(board)
