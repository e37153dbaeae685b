"""The wall around untrusted pictures: whatever happens behind it is a verdict, and costs no more than allowed."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from common.pictures.examiner import Examiner, ExaminerError
from common.pictures.facts import Bounds, Unfit
from tests.integration.pictures.misbehaving import Told
from tests.integration.sandbox.standin import ROOT

BOUNDS = Bounds(memory_mb=512, cpu_s=1, wall_s=4)


@dataclass(frozen=True)
class Way:
    """How the child is to misbehave, and where it may leave something."""

    way: str
    path: str = ""


@pytest.fixture(scope="module")
def examiner() -> Examiner[Told]:
    return Examiner("tests.integration.pictures.misbehaving", Told, BOUNDS)


ENDS = {
    "crash": "decoder_crashed",
    "raise": "decoder_crashed",
    "eat": "decoder_crashed",
    "write": "decoder_crashed",
    "nonsense": "decoder_crashed",
    "silence": "decoder_crashed",
    "spin": "too_costly",
    "hang": "too_costly",
}


@pytest.mark.parametrize(("way", "kind"), ENDS.items())
def test_whatever_the_process_does_is_a_verdict_in_time(
    examiner: Examiner[Told], tmp_path: Path, way: str, kind: str
) -> None:
    began = time.monotonic()
    verdict = examiner.look(Way(way, str(tmp_path / "written")))

    assert isinstance(verdict, Unfit)
    assert verdict.kind == kind, verdict
    assert time.monotonic() - began < BOUNDS.wall_s + 3


@pytest.mark.parametrize(("way", "why"), [("die", "was killed"), ("be_told", "was killed"), ("fill", "no room")])
def test_what_others_do_to_the_process_says_nothing_about_the_picture(
    examiner: Examiner[Told], way: str, why: str
) -> None:
    """The kernel kills the largest process when a container has too little memory, a supervisor ends all of them, the
    disk is full: the order is no worse for it.
    """
    with pytest.raises(ExaminerError, match=why):
        examiner.look(Way(way))


def test_a_process_cannot_fill_the_disk(examiner: Examiner[Told], tmp_path: Path) -> None:
    written = tmp_path / "written"
    examiner.look(Way("write", str(written)))
    assert written.stat().st_size == 32 << 20


def test_no_secret_and_no_open_connection_goes_along(
    examiner: Examiner[Told], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", "sk_live_not_for_decoders")
    inherited = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(inherited, True)  # noqa: FBT003 - the library's signature
    told = examiner.look(Way("report"))
    os.close(inherited)

    assert isinstance(told, Told)
    harmless = {"PATH", "PYTHONPATH", "LC_ALL", "VIPS_BLOCK_UNTRUSTED", "MALLOC_ARENA_MAX", "OPENBLAS_NUM_THREADS"}
    assert set(told.environment) <= harmless
    assert told.files <= 4  # its three pipes, and the listing itself
    assert told.capabilities == 0, "even where the worker is root"


def test_every_resource_is_bounded(examiner: Examiner[Told]) -> None:
    told = examiner.look(Way("report"))

    assert isinstance(told, Told)
    assert told.limits == {
        "RLIMIT_AS": 512 << 20, "RLIMIT_CPU": 2, "RLIMIT_FSIZE": 32 << 20, "RLIMIT_NOFILE": 64, "RLIMIT_CORE": 0
    }  # fmt: skip


def _pried(*arguments: str) -> str:
    """What the child of a process with a secret can read of that process."""
    command = [sys.executable, "-m", "tests.integration.pictures.prying", *arguments]
    env = {**os.environ, "STRIPE_API_KEY": "sk_live_not_for_decoders"}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout


def test_the_secrets_of_the_worker_that_started_it_stay_out_of_reach() -> None:
    assert "sk_live_not_for_decoders" in _pried(), "any other process can be read"

    found = _pried("worker")
    assert found.count("refused") == 3, found
    assert "sk_live" not in found
