"""What is for sale on the shop page of our own."""

import subprocess
import sys

from local.bootstrap import ROOT
from local.processes import child_environment
from local.stack import Stack


def imported(site: Stack) -> None:
    """The whole library of the WordPress site, by the operator's command."""
    env = child_environment({"PYTHONPATH": str(ROOT), "DATABASE_URL": site.database_url})
    command = [sys.executable, "-m", "cli", "pictures", site.at.shop]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "imported 8 pictures\n", done.stderr
