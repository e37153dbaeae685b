"""The version before this one, out of git: what may be running beside it during an update."""

import io
import subprocess
import tarfile
from pathlib import Path

from local.bootstrap import ROOT

# The commit of the last release. It moves with each release (CONTRIBUTING.md says when).
COMMIT = (ROOT / "tests" / "previous.txt").read_text().split()[0]


def unpack(into: Path) -> Path:
    """All of its files, in `into`."""
    with tarfile.open(fileobj=io.BytesIO(_git("archive", COMMIT))) as archive:
        archive.extractall(into, filter="data")
    return into


def text_of(path: str) -> str:
    return _git("show", f"{COMMIT}:{path}").decode()


def files_in(folder: str) -> list[str]:
    """Paths of the files that stood directly in `folder`."""
    return _git("ls-tree", "--name-only", COMMIT, f"{folder}/").decode().split()


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        raise LookupError(
            f"the previous version {COMMIT} cannot be read: {done.stderr.decode().strip()}. "
            "A shallow clone lacks it: git fetch --unshallow"
        )
    return done.stdout
