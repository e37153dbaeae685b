"""A minute of every fault with a fixed seed, judged by what the outside world has on its books."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from local.bootstrap import ROOT

ORDERS, SECONDS, SEED = 100, 60, 7


@pytest.mark.alone  # its faults come by the clock, and its judge excuses by it
@pytest.mark.timeout(400)
def test_a_minute_of_every_fault_loses_nothing_and_does_nothing_twice(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)  # so that a server that runs as another user reaches its data
    options = [
        f"--orders={ORDERS}",
        f"--seconds={SECONDS}",
        f"--seed={SEED}",
        f"--folder={tmp_path / 'chaos'}",
        "--json",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "cli", "chaos", *options], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-5000:]
    [run] = json.loads(done.stdout)["runs"]
    assert run["paid"] == ORDERS
    assert run["kills"] > 5
    assert run["redeliveries"] > 5
    assert sum(times > 0 for times in run["bites"].values()) >= len(run["bites"]) * 2 / 3, run["bites"]
