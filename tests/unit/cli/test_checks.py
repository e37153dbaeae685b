"""What `./enlarger test` says at its end."""

from pathlib import Path

from cli.checks import Count, counted, processes


def test_errors_count_as_failures_and_skips_are_told(tmp_path: Path) -> None:
    report = tmp_path / "tests.xml"
    report.write_text('<testsuites><testsuite tests="9" failures="1" errors="2" skipped="1"/></testsuites>')
    assert str(counted(report)) == "5 passed, 3 failed, 1 skipped"


def test_without_a_report_the_run_failed(tmp_path: Path) -> None:
    assert str(counted(tmp_path / "missing.xml")) == "0 passed, 1 failed"


def test_without_skips_the_line_is_short() -> None:
    assert str(Count(passed=7, failed=0, skipped=0)) == "7 passed, 0 failed"


def test_the_whole_suite_runs_in_several_processes_and_a_choice_in_one() -> None:
    assert processes([], cores=2) == processes(["--infra=local"], cores=2) == ["-n2"]
    assert processes(["--infra", "local"], cores=64) == ["-n4"]
    assert processes([], cores=1) == []
    for by_hand in ("-k books", "-n3", "--pdb", "tests/unit", "tests/unit/cli/test_checks.py::test_other"):
        assert processes(by_hand.split(), cores=2) == []
