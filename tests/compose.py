"""A Compose installation of our own: its name, ports and volumes are nobody else's, and all of it goes at the end."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cli.environments import Kept, example_values
from local.bootstrap import ROOT
from local.ports import HOST, free_port
from local.processes import LocalError, child_environment

_DOCKER = ("DOCKER_HOST", "DOCKER_BUILDKIT", "DOCKER_CONFIG")
WORKERS = ("ingest", "submitter", "poller", "deliver", "refund", "notifier")
STAND_INS = ("stripe", "upsampler", "inbox", "shop")
SERVERS = ("postgres", "rabbitmq")


def docker_is_promised() -> bool:
    """Whether a test may not be skipped for want of a daemon: `REQUIRE_DOCKER=1`, as in CI."""
    return os.environ.get("REQUIRE_DOCKER") == "1"


def compose_command() -> list[str] | None:
    """`docker compose`, or `docker-compose` of version 2 or newer; None without either."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) is None:
            continue
        done = _run([*command, "version", "--short"])
        major = done.stdout.strip().removeprefix("v").partition(".")[0]
        if done.returncode == 0 and major.isdigit() and int(major) >= 2:
            return command
    return None


@dataclass(frozen=True)
class Installation:
    """The files of this repository under a project `name`, with its own `.env` in `folder`."""

    name: str
    folder: Path
    command: list[str]

    @cached_property
    def ports(self) -> Mapping[str, int]:
        return {what: free_port() for what in ("ingest", "shop", "stripe", "inbox", "rabbitmq")}

    def address(self, what: str) -> str:
        return f"http://localhost:{self.ports[what]}"

    @cached_property
    def settings(self) -> Kept:
        """`.env.example` with other ports."""
        changed = {
            "INGEST_ADDRESS": f"{HOST}:{self.ports['ingest']}",
            "PUBLIC_URL": self.address("ingest"),
            "CORS_ORIGINS": self.address("shop"),
            "RABBITMQ_PORT": str(self.ports["rabbitmq"]),
            "SHOP_PORT": str(self.ports["shop"]),
            "STRIPE_PORT": str(self.ports["stripe"]),
            "INBOX_PORT": str(self.ports["inbox"]),
        }
        return example_values((ROOT / ".env.example").read_text("utf-8")) | changed

    def compose(self, *arguments: str) -> str:
        """Runs Compose; what it printed. Raises `LocalError` with what it complained about."""
        env_file = self.folder / "compose.env"
        env_file.write_text("".join(f"{name}={value}\n" for name, value in self.settings.items()))
        project = ["--project-name", self.name, "--env-file", str(env_file), "--profile", "sandbox"]
        return _checked([*self.command, *project, *arguments])

    def containers(self, service: str = "") -> list[dict[str, Any]]:
        """What Docker says of the containers of one service, or of all."""
        only = ["--filter", f"label=com.docker.compose.service={service}"] if service else []
        ids = docker("ps", "--all", "--quiet", *self._ours, *only).split()
        return list(json.loads(docker("inspect", *ids))) if ids else []

    def left(self) -> str:
        """Names of everything of ours that Docker still has."""
        return "".join(
            (
                docker("ps", "--all", "--quiet", *self._ours),
                docker("volume", "ls", "--quiet", *self._ours),
                docker("network", "ls", "--quiet", *self._ours),
            )
        )

    @property
    def _ours(self) -> list[str]:
        return ["--filter", f"label=com.docker.compose.project={self.name}"]


def docker(*arguments: str) -> str:
    return _checked(["docker", *arguments])


def _checked(command: list[str]) -> str:
    done = _run(command)
    if done.returncode:
        raise LocalError(f"{' '.join(command)}:\n{done.stderr.strip()[-3000:]}")
    return done.stdout


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    told = {name: os.environ[name] for name in _DOCKER if name in os.environ}
    env = child_environment(told)
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
