"""Prometheus' own tool reads our rules and runs their tests."""

import subprocess

from local.bootstrap import ROOT
from local.prometheus import find_tool

FOLDER = ROOT / "deploy" / "prometheus"


def _promtool(*arguments: str) -> str:
    command = [find_tool("promtool"), *arguments]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_takes_rules_and_configuration() -> None:
    assert "rules found" in _promtool("check", "rules", "rules.yml")
    _promtool("check", "config", "prometheus.yml")


def test_each_alert_fires_when_it_must_and_not_before() -> None:
    _promtool("test", "rules", "rules_test.yml")
