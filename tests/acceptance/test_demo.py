"""The demo, run as a newcomer runs it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from local.bootstrap import ROOT
from local.leftovers import sweep


def test_the_demo_delivers_four_times_the_source_and_refunds_what_failed(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    done = subprocess.run(_command(folder), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with Image.open(ROOT / "sandbox/shop/photos/cat.jpg") as source, Image.open(folder / "enlarged.png") as result:
        assert result.size == (source.width * 4, source.height * 4)
    with Image.open(folder / "before-after.jpg") as comparison:
        assert comparison.size == result.size
    assert "was refunded" in done.stdout
    assert len(list((folder / "mails").glob("*.eml"))) == len(list((folder / "mails").glob("*.html"))) == 2


@pytest.mark.parametrize(
    ("said", "number", "exit_code"), [("RabbitMQ", signal.SIGTERM, 143), ("submit", signal.SIGINT, 130)]
)
def test_a_demo_that_is_told_to_end_leaves_nothing_running(
    tmp_path: Path, said: str, number: signal.Signals, exit_code: int
) -> None:
    folder = tmp_path / "demo"
    with subprocess.Popen(
        _command(folder), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as demo:
        assert demo.stdout is not None
        lines = [next(line for line in demo.stdout if said in line)]
        demo.send_signal(number)
        lines += demo.stdout.readlines()
    assert demo.returncode == exit_code, lines
    assert not any("Traceback" in line for line in lines)
    records = list(folder.rglob("started.txt"))
    assert records
    assert [name for record in records for name in sweep(record.parent)] == []


def _command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "cli", "demo", "--folder", str(folder)]
