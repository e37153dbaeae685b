"""Finishing a result of 200 megapixels: what the finisher and its child hold together stays within what is promised."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pyvips

from common.storage import Storage
from tests.integration.sandbox.standin import ROOT
from tests.unit.builders import site

WIDE, HIGH = 20_000, 10_000
MEGABYTE = 1_000_000
GREY = [90, 120, 150]
KINDS: dict[str, tuple[str, dict[str, Any], int]] = {
    "PNG": (".png", {"compression": 1}, 400),
    "baseline JPEG": (".jpg", {"Q": 90}, 400),
    "progressive JPEG": (".jpg", {"Q": 90, "interlace": True, "subsample_mode": "on"}, 900),
    "interlaced PNG": (".png", {"compression": 1, "interlace": True}, 900),
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("suffix", "options", "most_mb"), KINDS.values(), ids=KINDS.keys())
def test_200_megapixels_are_finished_in_bounded_memory(
    tmp_path: Path, suffix: str, options: dict[str, Any], most_mb: int
) -> None:
    whole = tmp_path / f"result{suffix}"
    _flat(WIDE, HIGH).write_to_file(str(whole), **options)
    Storage(f"file://{tmp_path}").write("references/x", _flat(512, 256).write_to_buffer(".png"))

    with site(script=lambda: _served(whole)) as server:
        found = _finished(f"{server.url}/result{suffix}", tmp_path)

    assert found["verdict"] == "StoredFile", found
    assert (found["own"] + found["child"]) / MEGABYTE < most_mb, found
    assert found["child"] > 20 * MEGABYTE, "it was decoded in a process of its own"


def _flat(wide: int, high: int) -> pyvips.Image:
    """Memory does not depend on what is to be seen, and one colour is made in seconds."""
    return (pyvips.Image.black(wide, high, bands=3) + GREY).cast("uchar").copy(interpretation="srgb")


def _served(file: Path) -> Iterator[bytes]:
    yield f"HTTP/1.1 200 OK\r\nContent-Length: {file.stat().st_size}\r\nConnection: close\r\n\r\n".encode()
    with file.open("rb") as opened:
        while chunk := opened.read(1 << 20):
            yield chunk


def _finished(url: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.integration.pictures.finishing", url, str(WIDE), str(HIGH), str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
