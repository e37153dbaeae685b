"""An operator at the command line of a running system."""

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from local.bootstrap import ROOT
from local.layout import worker_settings
from local.processes import child_environment
from local.stack import Stack
from tests.acceptance.shop import QUICK


@dataclass(frozen=True)
class Operator:
    """Runs `./enlarger …` with the settings of the workers: what a command moves waits as long as what they move."""

    stack: Stack

    @property
    def settings(self) -> dict[str, str]:
        servers = {"DATABASE_URL": self.stack.database_url, "AMQP_URL": self.stack.amqp_url, "COLUMNS": "160"}
        return worker_settings(self.stack.folder, self.stack.at, self.stack.known) | QUICK | servers

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-m", "cli", *arguments],
            cwd=self.stack.folder,
            env=child_environment({"PYTHONPATH": str(ROOT), **self.settings, **settings}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def does(self, *arguments: str) -> str:
        """What a command printed that ended well."""
        done = self.run(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def reads(self, *arguments: str) -> Any:
        """What a command says with --json."""
        return json.loads(self.does(*arguments, "--json"))
