"""The demo, run as a newcomer runs it."""

import subprocess
import sys
from pathlib import Path

from PIL import Image

from local.bootstrap import ROOT


def test_the_demo_delivers_four_times_the_source_and_refunds_what_failed(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    done = subprocess.run(
        [sys.executable, "-m", "cli", "demo", "--folder", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with Image.open(ROOT / "sandbox/shop/photos/cat.jpg") as source, Image.open(folder / "enlarged.png") as result:
        assert result.size == (source.width * 4, source.height * 4)
    with Image.open(folder / "before-after.jpg") as comparison:
        assert comparison.size == result.size
    assert "was refunded" in done.stdout
    assert len(list((folder / "mails").glob("*.eml"))) == len(list((folder / "mails").glob("*.html"))) == 2
