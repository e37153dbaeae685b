"""Chromium: where it is, how it gets here, and a picture of a page. For tests and screenshots alone."""

import shutil
import subprocess
from pathlib import Path

from local.install import apt_install_chromium, can_use_apt
from local.processes import LocalError
from local.servers import Say

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
# As root there is no sandbox to be had; the pages are our own. Nothing is to be asked of the browser's makers.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
PATIENCE_S = 60


def find_chromium() -> Path | None:
    return next((Path(found) for name in NAMES if (found := shutil.which(name))), None)


def chromium(say: Say) -> Path:
    """The browser of this machine, or the package's, installed now. Raises `LocalError` saying what to install."""
    found = find_chromium()
    if found is None and can_use_apt():
        say("No Chromium on this machine: installing the package chromium.")
        apt_install_chromium()
        found = find_chromium()
    if found is None:
        raise LocalError("Chromium is missing: install the package chromium.")
    return found


def picture_of(browser: Path, page: Path, target: Path, size: tuple[int, int]) -> None:
    """A PNG of a local page in a window of `size` pixels. Raises `LocalError`."""
    width, height = size
    command = [
        str(browser), "--headless", *FLAGS, f"--window-size={width},{height}", f"--screenshot={target}", page.as_uri()
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    if done.returncode or not target.exists():
        raise LocalError(f"{browser} made no picture of {page}:\n{done.stderr.strip()[-2000:]}")
