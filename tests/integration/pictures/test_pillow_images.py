"""Every one of Pillow's own test pictures, broken ones too, ends as a verdict: no crash, no hang, bounded memory."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from services.finisher.quality.thresholds import CHECKS
from tests.integration.pictures.pillow_images import pillow_images
from tests.integration.sandbox.standin import ROOT

HANG_S = 10
MOST_MEMORY = 400_000_000
COMPARED = {check.name for check in CHECKS} | {"fit"}  # decoded to the last row, and another picture than the reference
REFUSED = {"format", "undecodable", "too_large", "moves", "dimensions"}


@pytest.fixture(scope="module")
def found() -> Mapping[str, Any]:
    command = [sys.executable, "-m", "tests.integration.pictures.pillow_looks", str(HANG_S)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])  # what was logged stands before it
    return answer


@pytest.mark.timeout(900)
def test_every_one_ends_as_a_verdict(found: Mapping[str, Any]) -> None:
    assert len(found["looked"]) == len(pillow_images()) > 1000
    strange = [one for one in found["looked"] if one["kind"] not in COMPARED | REFUSED]
    assert not strange, "a child crashed, hung or was killed"


def test_what_is_whole_is_decoded_and_what_is_broken_is_found_broken(found: Mapping[str, Any]) -> None:
    kinds = Counter("compared" if one["kind"] in COMPARED else one["kind"] for one in found["looked"])
    assert kinds["compared"] > 250, kinds
    assert kinds["undecodable"] > 10, kinds


def test_none_hangs(found: Mapping[str, Any]) -> None:
    slowest = max(found["looked"], key=lambda one: one["seconds"])
    assert slowest["seconds"] < HANG_S, slowest


def test_none_takes_memory_without_limit(found: Mapping[str, Any]) -> None:
    assert found["memory"] < MOST_MEMORY
