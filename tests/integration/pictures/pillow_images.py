"""Pillow's own test pictures, many of them broken on purpose: out of its source distribution, fetched once by pip."""

import fcntl
import hashlib
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

from tests.integration.sandbox.standin import ROOT

FOLDER = ROOT / ".enlarger" / "pillow"
LOCK = ROOT / "requirements-dev.lock"


def pillow_images() -> list[Path]:
    """All files of `Tests/images` of the Pillow that is installed, in the order of their names."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    unpacked = FOLDER / version("pillow")
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not unpacked.exists():
            _unpack(_archive(), unpacked)
    return sorted(file for file in unpacked.rglob("*") if file.is_file())


def _archive() -> Path:
    name = f"pillow-{version('pillow')}.tar.gz"
    if not (FOLDER / name).exists():
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
        command = [*pip, "--no-binary=:all:", f"--dest={FOLDER}", f"pillow=={version('pillow')}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (FOLDER / name).exists(), f"pip could not fetch Pillow's source distribution:\n{done.stderr}"
    digest = hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()
    assert digest in LOCK.read_text("utf-8"), f"{name} is not the one that the lock names"
    return FOLDER / name


def _unpack(archive: Path, target: Path) -> None:
    begun = target.with_suffix(".part")
    with tarfile.open(archive) as packed:
        for member in packed:
            inside = member.name.partition("/Tests/images/")[2]
            if member.isfile() and inside:
                member.name = inside
                packed.extract(member, begun, filter="data")
    begun.rename(target)
