"""Every expression of every panel and every alert is asked of a real Prometheus that watched a real system."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.bootstrap import ROOT
from local.broker import Broker
from local.database import Database
from local.processes import await_condition
from local.prometheus import RULES
from tests.acceptance.conftest import started
from tests.acceptance.shop import QUICK, Shop
from tests.acceptance.watched import Watched, live, watched

VARIABLES = {"$__rate_interval": "5m", "$__range": "5m", "$service": ".+"}
COUNTED_S = 60.0  # a census that was slow on a busy machine waits in proportion before it counts what has ended again
COMPARED = re.compile(r"(.+?) (?:>=|>|<|<=|==) [0-9.e]+", re.DOTALL)
ABSENT = re.compile(r"absent\((.+?})\)")


@pytest.fixture(scope="module")
def seen(broker: Broker, durable_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder: Path = tmp_path_factory.mktemp("monitoring")
    with (
        started(
            broker,
            durable_database,
            folder,
            QUICK | {"CENSUS_S": "1", "BUDGET_MONTHLY_CENTS": "100000", "CANARY_EVERY_MIN": "0.05"},
        ) as stack,
        watched(stack, broker, folder / "prometheus") as found,
    ):
        live(found)
        yield found


def _panels() -> dict[str, str]:
    """Panel -> expression, from the committed JSON."""
    found = {}
    for file in sorted((ROOT / "deploy/grafana/dashboards").glob("*.json")):
        dashboard = json.loads(file.read_text())
        for panel in dashboard["panels"]:
            for target in panel.get("targets", ()):
                found[f"{dashboard['title']} / {panel['title']} / {target['refId']}"] = target["expr"]
    return found


def _measures() -> dict[str, str]:
    """Alert -> each measure that it compares, without the comparison."""
    found = {}
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            for number, part in enumerate(re.split(" (?:and|or) ", rule["expr"])):
                told = COMPARED.fullmatch(part) or ABSENT.search(part)
                assert told, f"{rule['alert']} compares nothing with a number"
                found[f"{rule['alert']} / {number}"] = told.group(1)
    return found


PANELS, MEASURES = _panels(), _measures()


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_shows_something(seen: Watched, panel: str) -> None:
    _ask(seen, PANELS[panel])


@pytest.mark.parametrize("measure", MEASURES)
def test_what_an_alert_measures_is_there(seen: Watched, measure: str) -> None:
    _ask(seen, MEASURES[measure])


def test_every_rule_is_judged_and_the_dead_letter_raises_its_alert(seen: Watched) -> None:
    states = seen.prometheus.alerts()
    assert "err" not in states.values()
    assert states["DeadLetters"] in {"pending", "firing"}
    assert states["WorkerDown"] == "inactive"
    assert states["NoCensus"] == "inactive"


def test_all_log_lines_of_an_order_carry_its_one_trace(seen: Watched) -> None:
    traces: dict[str, set[str]] = {}
    workers: dict[str, set[str]] = {}
    for file in seen.stack.logs.glob("*.log"):
        for line in map(_read, file.read_text().splitlines()):
            if line.get("job_id") and line.get("event") in {"job.moved", "job.waits"}:
                traces.setdefault(line["job_id"], set()).add(line["trace_id"])
                workers.setdefault(line["job_id"], set()).add(line["service"])
    assert len(traces) >= 5
    assert {len(ids) for ids in traces.values()} == {1}
    assert len(set().union(*traces.values())) == len(traces)
    assert {"submitter", "poller", "finisher", "notifier"} in workers.values()


def test_a_refund_at_stripe_carries_the_trace_of_its_order(seen: Watched) -> None:
    calls = Shop(seen.stack).ledger("stripe")["calls"]
    refunds = [call for call in calls if call["path"] == "/v1/refunds" and call["method"] == "POST"]
    logged = "".join(file.read_text() for file in seen.stack.logs.glob("*.log"))
    assert refunds
    for call in refunds:
        lines = [_read(line) for line in logged.splitlines() if call["params"]["metadata"]["job_id"] in line]
        assert call["traceparent"][3:35] in {line.get("trace_id") for line in lines}


def _read(line: str) -> dict[str, Any]:
    return dict(json.loads(line)) if line.startswith("{") else {}


def _ask(seen: Watched, expression: str) -> None:
    assert "vector(" not in expression, "it would hide that there is nothing"
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    values: list[float] = []

    def told() -> bool:
        values[:] = [value for _, value in seen.prometheus.query(expression)]
        return bool(values)

    await_condition(told, COUNTED_S, f"something to see of {expression}")
    assert not all(map(math.isnan, values)), f"no number: {expression}"
