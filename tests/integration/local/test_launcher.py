"""The launcher, in a clone of its own: what it makes, what it repairs, and what it costs the second time."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.bootstrap import ROOT

_LOCK = "typing-extensions==4.16.0"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The launcher and what it imports, with a lock of one small package and a `cli` that shows what it got."""
    clone = tmp_path / "clone"
    (clone / "local").mkdir(parents=True)
    shutil.copy(ROOT / "enlarger", clone)
    for name in ("__init__.py", "bootstrap.py", "environment.py"):
        shutil.copy(ROOT / "local" / name, clone / "local")
    for name in ("requirements.lock", "requirements-dev.lock"):
        (clone / name).write_text(_one_package((ROOT / name).read_text()))
    (clone / "cli").mkdir()
    (clone / "cli" / "__main__.py").write_text(
        "import os, sys, typing_extensions\nprint(sys.argv[1:], os.getcwd())\nsys.exit(7)\n"
    )
    return clone


def test_the_first_start_makes_the_environment_and_the_second_only_runs(clone: Path) -> None:
    first = _run(clone / "enlarger", "show", "--all", cwd=Path("/"))
    assert first.returncode == 7
    assert first.stdout == "['show', '--all'] /\n"
    assert "making .venv" in first.stderr
    assert "installing 1 packages" in first.stderr

    link = clone.parent / "link"
    link.symlink_to(clone / "enlarger")
    second = _run(link, "show", cwd=clone.parent)
    assert (second.returncode, second.stderr) == (7, "")
    assert second.stdout == f"['show'] {clone.parent}\n"

    without = _seconds(clone, clone / ".venv/bin/python", "-m", "cli")
    assert _seconds(clone, clone / "enlarger") - without < 0.1

    _run(clone / "enlarger", "test", cwd=clone)
    assert _run(clone / "enlarger", "show", cwd=clone).stderr == "", "the development lock holds the plain one"

    (clone / ".venv/enlarger.unfinished").touch()
    repaired = _run(clone / "enlarger", "show", cwd=clone)
    assert repaired.returncode == 7
    assert "making .venv" in repaired.stderr, "a half-made environment is made anew"


def test_starts_at_once_set_up_once(clone: Path) -> None:
    starts = [
        subprocess.Popen([clone / "enlarger"], cwd=clone, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [start.communicate()[1] for start in starts]
    assert [start.returncode for start in starts] == [7, 7]
    assert sum("making .venv" in text for text in said) == 1


def test_a_package_that_is_not_the_one_in_the_lock_is_refused(clone: Path) -> None:
    lock = clone / "requirements.lock"
    lock.write_text(f"{_LOCK} --hash=sha256:{'0' * 64}\n")
    refused = _run(clone / "enlarger", "show", cwd=clone)
    assert refused.returncode == 1
    assert "HASH" in refused.stderr.upper()
    assert "Traceback" not in refused.stderr.partition("The whole output")[2]


def test_the_build_script_runs_exactly_the_tests_and_passes_their_exit_code_on(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    launcher = tmp_path / "enlarger"
    launcher.write_text('#!/bin/sh\necho "$# $*"\nexit 3\n')
    launcher.chmod(0o755)
    done = _run(tmp_path / ".ci" / "run", cwd=Path("/"))
    assert (done.stdout, done.returncode) == ("1 test\n", 3)


def _one_package(lock: str) -> str:
    """`typing-extensions` with its hashes out of a whole lock."""
    lines = lock.splitlines(keepends=True)
    start = next(number for number, line in enumerate(lines) if line.startswith(_LOCK))
    package = [lines[start]]
    for line in lines[start + 1 :]:
        if not line.startswith("    --hash"):
            break
        package.append(line)
    return "".join(package)


def _run(program: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONDONTWRITEBYTECODE": ""}
    return subprocess.run([program, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def _seconds(cwd: Path, program: Path, *arguments: str) -> float:
    """The quickest of five, since the machine is shared."""
    took = []
    for _ in range(5):
        began = time.monotonic()
        _run(program, *arguments, cwd=cwd)
        took.append(time.monotonic() - began)
    return min(took)
