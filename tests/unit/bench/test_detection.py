"""The arithmetic of the benchmark of the checks."""

import struct
from pathlib import Path

import pytest

from bench.checks.detection import kept, misses, rates, totals, wilson
from bench.checks.qt_resources import files
from bench.checks.report import chart
from bench.checks.run import half
from bench.checks.trial import Trial


def tried(name: str, group: str, kinds: str) -> list[Trial]:
    words = {"f": "fail", "p": "pass", "w": "warn", "s": "skip"}
    return [Trial(f"photograph {n}", name, group, words[kind]) for n, kind in enumerate(kinds)]


def test_wilsons_interval_of_a_known_case() -> None:
    assert wilson(8, 10) == pytest.approx((0.490, 0.943), abs=0.001)
    assert wilson(0, 0) == (0.0, 1.0)


def test_what_a_corruption_left_as_it_was_is_no_trial() -> None:
    (rate,) = rates(tried("mirrored", "gross", "ffps"))
    assert (rate.trials, rate.failed, rate.skipped, rate.photographs_failed) == (3, 2, 1, 2)


def test_a_warning_is_no_detection() -> None:
    (rate,) = rates(tried("mirrored", "gross", "fw"))
    assert (rate.rate, rate.warned) == (0.5, 1)


@pytest.mark.parametrize(
    ("name", "group", "kinds", "good"),
    [
        ("mirrored", "gross", "f" * 99 + "p", True),
        ("mirrored", "gross", "f" * 98 + "pp", False),
        ("cast", "subtle", "f" * 9 + "p", True),
        ("cast", "subtle", "f" * 8 + "pp", False),
        ("halos", "other", "p", True),
        ("Lanczos", "fine", "p" * 199 + "f", True),
        ("Lanczos", "fine", "p" * 198 + "ff", False),
    ],
)
def test_a_promise_is_kept_or_broken(name: str, group: str, kinds: str, good: bool) -> None:  # noqa: FBT001 - a column
    assert kept(rates(tried(name, group, kinds))) is good


def test_misses_name_false_alarms_and_promised_corruptions_that_passed() -> None:
    trials = [*tried("Lanczos", "fine", "pf"), *tried("cast", "subtle", "wf"), *tried("halos", "other", "p")]
    assert [(one["name"], one["kind"]) for one in misses(trials)] == [("Lanczos", "fail"), ("cast", "warn")]


def test_the_chart_shows_every_rate_that_was_tried() -> None:
    trials = [*tried("Lanczos", "fine", "pf"), *tried("cast", "subtle", "wf"), *tried("grey", "gross", "s")]
    drawn = chart(half(trials).figures())
    assert "Lanczos" in drawn
    assert "cast" in drawn
    assert "grey" not in drawn
    assert [one.trials for one in totals(trials)] == [0, 2, 0, 2]


def test_files_in_a_qt_resource_are_found_by_their_path(tmp_path: Path) -> None:
    names = b"".join(struct.pack(">HI", len(name), 0) + name.encode("utf-16-be") for name in ("a", "b.webp"))
    root = struct.pack(">IHIIQ", 0, 2, 1, 1, 0)
    folder = struct.pack(">IHIIQ", 0, 2, 1, 2, 0)
    file = struct.pack(">IHIIQ", 8, 0, 0, 0, 0)
    tree = root + folder + file
    content = struct.pack(">I", 3) + b"abc"
    head = struct.pack(">4sIIII", b"qres", 2, 20, 20 + len(tree), 20 + len(tree) + len(content))
    resource = tmp_path / "x.rcc"
    resource.write_bytes(head + tree + content + names)
    assert list(files(resource)) == [("a/b.webp", b"abc")]


def test_another_file_is_no_qt_resource(tmp_path: Path) -> None:
    resource = tmp_path / "x.rcc"
    resource.write_bytes(b"RIFF" + bytes(40))
    with pytest.raises(ValueError, match="no Qt resource"):
        list(files(resource))
