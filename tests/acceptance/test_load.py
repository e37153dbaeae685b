"""`./enlarger load`: a few seconds of real orders, each delivered, with figures for every stage."""

import json
import subprocess
import sys
from pathlib import Path

from local.bootstrap import ROOT
from local.processes import child_environment


def test_every_order_of_a_short_load_is_delivered_and_measured(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)  # so that a server that runs as another user reaches its data
    command = [
        sys.executable,
        "-m",
        "cli",
        "load",
        "--rate=2",
        "--seconds=5",
        "--json",
        f"--folder={tmp_path / 'load'}",
    ]
    env = child_environment({"PYTHONPATH": str(ROOT)})
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert (found["asked"], found["delivered"], found["refused"]) == (10, 10, 0)
    assert set(found["seconds"]) == {
        "the checkout page", "submit", "enlarge", "check and store", "mail", "payment to mail",
    }  # fmt: skip
    assert all(0 < spread["p50"] <= spread["longest"] for spread in found["seconds"].values())
    assert found["cpu_s_per_order"].keys() == {"ingest", "submitter", "poller", "finisher", "notifier"}
