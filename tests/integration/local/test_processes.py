"""Processes of our own: stopped with all that they started, reported when they die, found when left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import leftovers
from local.layout import Addresses
from local.ports import HOST, free_port
from local.processes import LocalError, Process, Program, await_condition, child_environment
from local.stack import DiedError, Member

_SLEEP = "import threading; threading.Event().wait()"
_PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {_SLEEP!r}])"
_STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); {_SLEEP}"
_DIES = "print('the reason'); raise SystemExit(2)"


def _program(code: str, *arguments: str) -> Program:
    return Program("worker", [sys.executable, "-c", code, *arguments], child_environment())


@pytest.fixture
def ended() -> Iterator[list[Process]]:
    """Processes put in here are killed whatever happens."""
    processes: list[Process] = []
    yield processes
    for process in processes:
        process.kill()


def test_kill_takes_the_children_along(tmp_path: Path, ended: list[Process]) -> None:
    process = Process(_program(_PARENT), tmp_path / "log")
    ended.append(process)
    process.start()
    await_condition(lambda: len(_group(process.pid)) == 2, 5, "the child")
    group = process.pid
    process.kill()
    await_condition(lambda: not _group(group), 5, "the end of the child")


def test_a_process_deaf_to_sigterm_is_killed_in_time(tmp_path: Path, ended: list[Process]) -> None:
    process = Process(_program(_STUBBORN), tmp_path / "log")
    ended.append(process)
    process.start()
    await_condition(lambda: process.last_lines() == "deaf", 5, "its first line", process)
    began = time.monotonic()
    process.terminate(within_s=0.3)
    assert process.exit_code == -signal.SIGKILL
    assert time.monotonic() - began < 2
    assert not process.died_alone


def test_a_paused_process_stands_still_until_resumed(tmp_path: Path, ended: list[Process]) -> None:
    process = Process(_program(_SLEEP), tmp_path / "log")
    ended.append(process)
    process.start()
    process.pause()
    await_condition(lambda: _state(process.pid) == "T", 5, "the stop")
    process.resume()
    await_condition(lambda: _state(process.pid) != "T", 5, "the resumption")
    assert process.alive


def test_a_member_that_dies_is_reported_with_its_last_lines_and_what_to_do(
    tmp_path: Path, ended: list[Process]
) -> None:
    member = Member(_program(_DIES), tmp_path / "log", f"http://{HOST}:{free_port()}/readyz")
    ended.append(member)
    member.start()
    with pytest.raises(DiedError) as caught:
        member.wait_ready()
    said = str(caught.value)
    assert "worker ended by itself with exit code 2" in said
    assert "the reason" in said
    assert "refused a setting" in said


def test_a_member_is_ready_when_it_says_so(tmp_path: Path, ended: list[Process]) -> None:
    (tmp_path / "readyz").touch()
    port = free_port()
    server = [sys.executable, "-m", "http.server", "--bind", HOST, "--directory", str(tmp_path), str(port)]
    member = Member(Program("worker", server, child_environment()), tmp_path / "log", f"http://{HOST}:{port}/readyz")
    ended.append(member)
    for _ in range(2):
        member.start()
        member.wait_ready(10)
        member.kill()
        assert not member.ready()


def test_a_member_that_never_gets_ready_is_given_up(tmp_path: Path, ended: list[Process]) -> None:
    member = Member(_program(_SLEEP), tmp_path / "log", f"http://{HOST}:{free_port()}/readyz")
    ended.append(member)
    member.start()
    with pytest.raises(LocalError, match="worker to be ready in vain"):
        member.wait_ready(0.3)


def test_what_a_killed_run_left_behind_is_ended_by_the_next(tmp_path: Path, ended: list[Process]) -> None:
    process = Process(_program(_SLEEP), tmp_path / "log")
    ended.append(process)
    process.start()
    assert leftovers.sweep(tmp_path) == ["worker"]
    assert process.wait(5) == -signal.SIGKILL
    assert leftovers.sweep(tmp_path) == []


def test_a_process_that_merely_has_a_recorded_id_is_left_alone(tmp_path: Path, ended: list[Process]) -> None:
    process = Process(_program(_SLEEP), tmp_path / "log")
    ended.append(process)
    process.start()
    (tmp_path / "started.txt").write_text(f"{process.pid} 1 somebody\n")
    assert leftovers.sweep(tmp_path) == []
    assert process.alive


def test_a_child_is_told_nothing_of_our_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", "sk_live_real")
    assert "STRIPE_API_KEY" not in child_environment()
    assert child_environment({"PORT": "1"})["PORT"] == "1"


def test_no_two_addresses_share_a_port() -> None:
    addresses = [Addresses() for _ in range(5)]
    ports = [port for at in addresses for port in (at.ingest_port, at.stripe_port, *at.health_ports.values())]
    assert len(set(ports)) == len(ports)


def _group(group: int | None) -> list[int]:
    """The processes of a group that still run."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if _is_in(pid, group) and _state(pid) != "Z"]


def _is_in(pid: int, group: int | None) -> bool:
    try:
        return os.getpgid(pid) == group
    except ProcessLookupError:
        return False


def _state(pid: int | None) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_a_signal_that_comes_while_a_process_starts_finds_it_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = subprocess.Popen

    def interrupted(*args: Any, **options: Any) -> Any:
        started = start(*args, **options)
        signal.raise_signal(signal.SIGINT)  # as early as it can come
        return started

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    process = Process(_program(_SLEEP), tmp_path / "log")
    with pytest.raises(KeyboardInterrupt):
        process.start()
    assert process.alive
    assert str(process.pid) in (tmp_path / "started.txt").read_text()
    process.kill()
