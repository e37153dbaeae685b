"""Crash points and mutants exist where they are said to, and do nothing unless armed."""

import re
from pathlib import Path

import pytest

from common import crash
from tests.chaos.faults.processes import POINTS
from tests.chaos.mutants import SCHEDULES

ROOT = Path(__file__).resolve().parents[3]
SOURCE = "\n".join(
    path.read_text("utf-8") for folder in ("common", "services") for path in sorted((ROOT / folder).rglob("*.py"))
)


def test_every_point_is_passed_somewhere_and_every_place_is_a_known_point() -> None:
    assert set(re.findall(r'crash\.point\("(\w+)"\)', SOURCE)) == set(crash.POINTS)


def test_every_control_can_be_broken_and_has_a_schedule_on_which_it_matters() -> None:
    assert set(re.findall(r'\bbroken\("(\w+)"\)', SOURCE)) == set(crash.MUTANTS) == set(SCHEDULES)


def test_chaos_visits_every_point() -> None:
    assert {point for points in POINTS.values() for point in points} == set(crash.POINTS)


def test_nothing_is_armed_by_default() -> None:
    for name in crash.POINTS:
        crash.point(name)
    assert not any(crash.broken(name) for name in crash.MUTANTS)


@pytest.mark.parametrize(("points", "mutant"), [("no_such_point:1:7", ""), ("", "no_such_control")])
def test_a_misspelt_name_is_refused(points: str, mutant: str) -> None:
    with pytest.raises(ValueError, match="known"):
        crash.arm(points, mutant)
