"""`./enlarger dashboards`: what the dashboards show of a system under a small load with faults, as one picture."""

import json
import subprocess
import time
from contextlib import AbstractContextManager
from itertools import cycle
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

import requests
import typer
from rich.console import Console

from bench import environment
from cli.boards import BOARDS
from cli.boards.panel import Panel
from cli.customer import Customer
from cli.failure import ends_plainly
from local.bootstrap import ROOT
from local.layout import WORKERS
from local.ports import HOST
from local.processes import LocalError
from local.prometheus import Prometheus
from local.stack import Stack
from local.system import System, system

SHOWN = (
    "Payment to delivery", "In each stage", "Out of each stage", "Time in each stage", "Handling a delivery",
    "Submissions", "Who told us of an end", "Mails", "CPU", "Earned and spent", "Payments, by who told us",
    "Calls to Stripe",
)  # fmt: skip
PHOTOS = (105, 103)  # the first is delivered, the second fails now and then
VARIABLES = {"$__rate_interval": "20s", "$__range": "5m", "$service": ".+"}


def dashboards(
    *,
    png: Annotated[Path, typer.Option(help="Where the picture goes.")] = ROOT / "docs" / "dashboards.png",
    seconds: Annotated[int, typer.Option(min=20, help="How long orders come.")] = 90,
) -> None:
    """Run a small shop under Prometheus' eyes, and draw what the dashboards would show of it."""
    console = Console(highlight=False)
    with ends_plainly(console), _system(console) as running:
        prometheus = _watch(running)
        prometheus.start()
        try:
            began = time.time()
            console.print(f"orders come for {seconds} s")
            _live(running.stack, began + seconds)
            _draw(prometheus, began, png, console)
        finally:
            prometheus.close()


def _system(console: Console) -> AbstractContextManager[System]:
    return system(ROOT / ".enlarger" / "dashboards", settings={"CENSUS_S": "2"}, say=console.print)


def _watch(running: System) -> Prometheus:
    services = {worker: [f"{HOST}:{running.stack.at.health_ports[worker]}"] for worker in WORKERS}
    vhost = unquote(urlsplit(running.stack.amqp_url).path[1:])
    return Prometheus(
        running.stack.folder / "prometheus", services, (urlsplit(running.broker.metrics_url).netloc, vhost)
    )


def _live(stack: Stack, until: float) -> None:
    """Customers buy one after the other; every fourth order fails at the provider, some webhooks are lost."""
    customer = Customer(stack)
    for number, photo in enumerate(cycle(PHOTOS), 1):
        if time.time() > until:
            return
        if number % 4 == 0:
            _fault(stack, "failed", "launch-pad")
        if number % 5 == 0:
            _fault(stack, "webhook_lost", "")
        customer.pay(customer.order(photo, "4x", f"customer{number}@shop.example"))


def _fault(stack: Stack, name: str, match: str) -> None:
    address = f"{stack.at.upsampler}/sandbox/faults"
    requests.post(address, json={"fault": name, "match": match}, timeout=10).raise_for_status()


def _draw(prometheus: Prometheus, began: float, png: Path, console: Console) -> None:
    panels = {panel.title: panel for board in BOARDS for row in board.rows for panel in row.panels}
    figures = [_data(prometheus, panels[title], began) for title in SHOWN]
    data = png.with_suffix(".json")
    data.write_text(json.dumps(figures))
    environment.make_ready(console.print)
    command = [str(environment.PYTHON), str(ROOT / "bench" / "peers" / "overview.py"), str(data), str(png)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    data.unlink()
    if done.returncode:
        raise LocalError(f"the picture failed:\n{done.stderr.strip()[-1500:]}")
    console.print(f"wrote {png}")


def _data(prometheus: Prometheus, panel: Panel, began: float) -> dict[str, object]:
    lines = {}
    for query in panel.queries:
        expression = query.expr
        for name, value in VARIABLES.items():
            expression = expression.replace(name, value)
        for labels, points in prometheus.series(expression, began, time.time()):
            legend = query.legend
            for label, value in labels.items():
                legend = legend.replace(f"{{{{{label}}}}}", value)
            lines[legend] = [(at - began, value) for at, value in points]
    return {"title": panel.title, "unit": panel.unit, "lines": lines}
