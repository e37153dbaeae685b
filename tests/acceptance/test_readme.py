"""Every command that the README and the documents show is one that works, and is run by a test."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local.bootstrap import ROOT
from local.processes import Process, Program, await_condition, child_environment

# Commands whose run is another test's (or this one): where it stands.
RUN_BY = {
    "demo": "tests/acceptance/test_demo.py",
    "test": ".ci/run",
    "bench machinery": "tests/acceptance/test_bench.py",
    "bench clock": "tests/acceptance/test_bench.py",
    **dict.fromkeys(["bench checks", "bench looks"], "tests/acceptance/test_bench.py"),
    "chaos": "tests/acceptance/test_chaos.py",
    **dict.fromkeys(["mails", "screens"], "tests/acceptance/browser/test_screens.py"),
    "report": "tests/integration/admin/test_figures.py",
    **dict.fromkeys(["retry", "dead"], "tests/acceptance/test_retry.py"),
    **dict.fromkeys(
        ["jobs", "show", "top", "queues", "doctor", "pause", "resume", "drain"], "tests/acceptance/test_operators.py"
    ),
    **dict.fromkeys(["books", "events"], "tests/integration/money/test_books.py"),
    **dict.fromkeys(
        ["release", "refund", "complete", "resend", "fail", "hold", "email"], "tests/acceptance/test_operators.py"
    ),
    "restore": "tests/acceptance/test_restore.py",
    **dict.fromkeys(["export", "forget"], "tests/integration/ingest/test_privacy.py"),
    **dict.fromkeys(["breaker", "budget"], "tests/integration/admin/test_provider_commands.py"),
    "load": "tests/acceptance/test_load.py",
    "sbom": "tests/unit/deploy/test_release.py",
}
SHOWN = re.compile(r"\./enlarger ((?:bench )?[a-z]+)")


def _commands() -> set[str]:
    pages = [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]
    return {name for page in pages for name in SHOWN.findall(page.read_text("utf-8"))}


def _run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        cwd=ROOT,
        env=child_environment({"PYTHONPATH": str(ROOT), **settings}),
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_documents_can_be_made() -> None:
    done = _run("docs", "--check")
    assert done.returncode == 0, done.stdout


def test_the_schema_and_the_catalogue_are_brought_in_by_command(database_url: str, tmp_path: Path) -> None:
    table = tmp_path / "pictures.csv"
    table.write_text("attachment_id,source_url,width,height\n7,https://shop.example/cat.jpg,451,300\n")
    assert _run("migrate", DATABASE_URL=database_url).stdout == "the schema is up to date\n"
    assert _run("pictures", str(table), DATABASE_URL=database_url).stdout == "imported 1 pictures\n"
    table.write_text("attachment_id,source_url,width,height\n7,https://shop.example/cat.jpg,wide,300\n")
    assert json.loads(_run("migrate", "--json", DATABASE_URL=database_url).stdout) == {"success": True, "applied": []}
    refused = _run("pictures", str(table), DATABASE_URL=database_url)
    assert refused.returncode == 1
    assert "line 2" in refused.stderr
    assert "Nothing was imported" in refused.stderr
    said = json.loads(_run("pictures", str(table), "--json", DATABASE_URL=database_url).stdout)
    assert (said["success"], said["code"], "line 2" in said["message"]) == (False, "unusable", True)


def test_the_system_stays_up_until_ctrl_c(tmp_path: Path) -> None:
    env = child_environment({"PYTHONPATH": str(ROOT), "COLUMNS": "200"})
    up = Process(Program("up", [sys.executable, "-u", "-m", "cli", "up"], env, cwd=ROOT), tmp_path / "up.log")
    up.start()
    try:
        await_condition(lambda: "Ctrl-C stops everything." in up.last_lines(60), 60, "everything to be up", up)
        assert "the shop: buy something here" in up.last_lines(60)
    finally:
        up.terminate(30, signal.SIGINT)
    assert up.exit_code == 130


@pytest.mark.parametrize("command", sorted(_commands()))
def test_every_shown_command_is_run_by_some_test(command: str) -> None:
    here = {"docs", "migrate", "pictures", "up"}
    assert command in here or (ROOT / RUN_BY[command]).is_file()
