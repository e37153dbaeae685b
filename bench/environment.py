"""The environment of the other contestants and of the chart: made from its own lock, apart from ours."""

import hashlib
import json
import shutil
import subprocess
import sys

from local.layout import ROOT
from local.processes import LocalError
from local.servers import Say

VENV = ROOT / ".enlarger" / "bench-venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "bench" / "peers" / "requirements.lock"
_STAMP = VENV / "enlarger.stamp"


def make_ready(say: Say) -> None:
    """Install exactly what the lock says, unless it is there already."""
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if _STAMP.exists() and _STAMP.read_text() == wanted:
        return
    say("Installing the other contestants into an environment of their own (half a minute).")
    shutil.rmtree(VENV, ignore_errors=True)
    _call(sys.executable, "-m", "venv", str(VENV))
    pip = ("-m", "pip", "--disable-pip-version-check", "--no-input", "install", "-q", "--no-deps", "--require-hashes")
    _call(str(PYTHON), *pip, "-r", str(LOCK))
    _STAMP.write_text(wanted)


def versions() -> dict[str, str]:
    """What is installed there of those who compete."""
    names = ("celery", "dramatiq", "faststream", "aio-pika", "pika", "psycopg")
    code = f"import importlib.metadata as m, json; print(json.dumps({{n: m.version(n) for n in {names!r}}}))"
    done = subprocess.run([str(PYTHON), "-c", code], capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _call(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LocalError(f"{' '.join(command[:4])} … failed:\n{done.stderr.strip()[-2000:]}")
