"""The commands that show pages and mails: what they leave is complete, and small enough to be kept."""

import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser

from common.language import LANGUAGES
from local.bootstrap import ROOT
from local.processes import child_environment
from local.stack import Stack
from services.notifier.samples import samples
from tests.acceptance.browser import screens


def test_pictures_of_pages_and_mails_are_small_enough_to_keep(site: Stack, browser: Browser, tmp_path: Path) -> None:
    screens.shop(browser, site, tmp_path)
    screens.mails(browser, tmp_path)
    kept = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert set(kept) <= {path.name for path in (ROOT / "docs" / "screens").iterdir()}, "make docs/screens anew"
    assert max(kept.values()) <= screens.MOST_BYTES
    with Image.open(tmp_path / "shop.phone-dark.webp") as image:
        assert image.size == (780, 1688)


def test_every_mail_is_shown_in_every_language(tmp_path: Path) -> None:
    env = child_environment({"PYTHONPATH": str(ROOT)})
    command = [sys.executable, "-m", "cli", "mails", "--to", str(tmp_path)]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    stems = {f"{kind}.{language}" for language in LANGUAGES for kind in samples(language)}
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{stem}.{suffix}" for stem in stems for suffix in ("eml", "html", "png", "txt")
    }
