"""The measurements that need nothing but our own servers, small: they end, and their figures are about what was run."""

import json
import subprocess
import sys
from typing import Any

from local.bootstrap import ROOT
from local.layout import WORKERS
from local.processes import child_environment

ORDERS = 200
SLEEPING = 1000


def _bench(*arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "bench", *arguments, "--json"],
        cwd=ROOT,
        env=child_environment({"PYTHONPATH": str(ROOT)}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_the_machinery_is_measured_to_the_last_mail() -> None:
    figures = _bench("machinery", "--orders", str(ORDERS))
    assert figures["orders"] == ORDERS
    assert figures["per_s"] * figures["seconds"] > 0.9 * ORDERS
    assert set(figures["cpu"]) == {"submitter", "poller", "finisher", "notifier", "PostgreSQL", "RabbitMQ"}
    assert all(spent > 0 for spent in figures["cpu"].values())
    assert 0 < figures["trickle"]["p50_ms"] <= figures["trickle"]["p99_ms"]


def test_the_clock_is_measured_and_its_plan_has_no_sort() -> None:
    figures = _bench("clock", "--sleeping", str(SLEEPING), "--due", str(SLEEPING))
    assert figures["sleeping"] == SLEEPING
    assert figures["per_s"] > 0
    assert figures["oldest_first"] is True
    assert "jobs_due" in figures["plan"]
    assert "Sort" not in figures["plan"]
    assert "Seq Scan" not in figures["plan"]


def test_the_scrapes_are_measured_of_every_worker() -> None:
    figures = _bench("scrape", "--jobs", str(SLEEPING))
    assert figures["jobs"] == SLEEPING
    assert {one["worker"] for one in figures["workers"]} == set(WORKERS)
    assert all(0 < one["median_ms"] <= one["slowest_ms"] and one["size"] > 1000 for one in figures["workers"])


def test_the_checks_are_measured_on_the_shops_own_photographs() -> None:
    found = {total["name"]: total for total in _bench("checks", "--quick", "--split", "train")["train"]["totals"]}
    assert found["gross"]["trials"] > 60
    assert found["gross"]["failed"] == found["gross"]["trials"]
    assert found["fine"]["trials"] > 30
    assert found["fine"]["failed"] == 0


def test_a_look_is_measured_beside_a_bare_decode_of_the_same_file() -> None:
    found = _bench("looks", "--megapixels", "4", "--rounds", "1")
    assert {one["kind"] for one in found} == {"baseline JPEG", "PNG"}
    assert all(one["look_s"] > one["average_s"] > 0 and one["nowhere_s"] > 0 for one in found)
