"""A private Prometheus: scrapes a running system every second, judges by our rules, answers PromQL."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import requests

from local.install import apt_install_prometheus, can_use_apt
from local.ports import HOST, free_port
from local.processes import LocalError, Process, Program, await_condition, child_environment

READY_S = 20.0
RULES = Path(__file__).resolve().parent.parent / "deploy" / "prometheus" / "rules.yml"
Points = list[tuple[float, float]]
_FAMILIES = ["queue_coarse_metrics", "queue_consumer_count"]


def find_tool(name: str) -> str:
    """`prometheus` or `promtool` on PATH, else from Debian's package. Raises `LocalError` saying what to install."""
    if shutil.which(name) is None and can_use_apt():
        apt_install_prometheus()
    found = shutil.which(name)
    if found is None:
        raise LocalError(f"{name} is neither on PATH nor to be had from apt: install the package prometheus")
    return found


class Prometheus:
    """`services`: the addresses (host:port) of each one's /metrics; `broker`: that of RabbitMQ's plugin, one vhost."""

    def __init__(self, folder: Path, services: Mapping[str, Sequence[str]], broker: tuple[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        file = folder / "prometheus.yml"
        file.write_text(json.dumps(_configuration(services, broker)))
        command = [
            find_tool("prometheus"),
            f"--config.file={file}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={HOST}:{self.port}",
            "--log.level=warn",
        ]
        self.process = Process(Program("prometheus", command, child_environment()), folder / "prometheus.log")

    def start(self) -> None:
        self.process.start()
        await_condition(self._ready, READY_S, "Prometheus", self.process)

    def close(self) -> None:
        self.process.terminate()

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """An instant vector, or a scalar under no labels. Raises `LocalError` with what does not parse."""
        data = self._get("/api/v1/query", query=expression)
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(series["metric"], float(series["value"][1])) for series in data["result"]]

    def series(
        self, expression: str, start: float, end: float
    ) -> list[tuple[dict[str, str], list[tuple[float, float]]]]:
        """The same over a time, in 120 steps: (labels, (Unix seconds, value)…)."""
        step = max((end - start) / 120, 1)
        data = self._get("/api/v1/query_range", query=expression, start=start, end=end, step=step)
        return [(s["metric"], [(float(at), float(value)) for at, value in s["values"]]) for s in data["result"]]

    def alerts(self) -> dict[str, str]:
        """The state of each rule: inactive, pending or firing; "err" where it could not be judged."""
        groups = self._get("/api/v1/rules")["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        return {rule["name"]: rule["state"] if rule["health"] != "err" else "err" for rule in rules}

    def _get(self, path: str, **parameters: str | float) -> Any:
        answer = requests.get(f"http://{HOST}:{self.port}{path}", params=dict(parameters), timeout=20)
        body = answer.json()
        if body["status"] != "success":
            raise LocalError(f"Prometheus: {body['error']}")
        return body["data"]

    def _ready(self) -> bool:
        try:
            return requests.get(f"http://{HOST}:{self.port}/-/ready", timeout=2).ok
        except requests.RequestException:
            return False


def _configuration(services: Mapping[str, Sequence[str]], broker: tuple[str, str]) -> dict[str, Any]:
    address, vhost = broker
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [
            {
                "job_name": "enlarger",
                "static_configs": [
                    {"targets": list(targets), "labels": {"service": name}} for name, targets in services.items()
                ],
            },
            {"job_name": "rabbitmq", "static_configs": [{"targets": [address]}]},
            {
                "job_name": "rabbitmq-queues",
                "metrics_path": "/metrics/detailed",
                "params": {"family": _FAMILIES, "vhost": [vhost]},
                "static_configs": [{"targets": [address]}],
            },
        ],
    }
