"""The suite in several processes at once (`pytest -n 2`): what stays together, who runs alone, what is left behind.

Each process has servers of its own and takes whole files, so that what a module shares is started once. A test that
is marked `alone` measures, or needs the whole machine: while it runs, the other processes wait.
"""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

from local.leftovers import sweep

# Folders whose files share one system.
_TOGETHER = ("tests/acceptance/browser/",)
# What takes long comes first and short files fill the ends; who runs alone comes when the others have finished.
_ORDER = ("tests/acceptance/", "tests/integration/", "tests/")
_FOLDER = "run_folder"


class Run:
    """What one run's processes share, as the process sees it that was started by a person."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="enlarger-tests-"))
        self.folder.chmod(0o711)  # a server that runs as another user passes through
        self._versions: set[str] = set()

    def close(self) -> None:
        """Ends the servers of a process that died itself."""
        for started in self.folder.rglob("started.txt"):
            sweep(started.parent)
        shutil.rmtree(self.folder, ignore_errors=True)

    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput[_FOLDER] = str(self.folder)

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> LoadScopeScheduling:
        config.option.loadscopereorder = False
        return _WholeFiles(config, log)

    def pytest_testnodedown(self, node: Any, error: object) -> None:
        if error is None:
            self._versions.add(node.workeroutput.get("versions", ""))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for versions in sorted(self._versions - {""}):
            terminalreporter.write_line(f"infrastructure: {versions}")


class Member:
    """One of the processes."""

    def __init__(self, folder: Path) -> None:
        self._turns = Turns(folder)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: (_is_alone(item), _place(item.nodeid)))

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # outside of the test's timeout: to wait is not to hang
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        with self._turns.taken(alone=_is_alone(item)):
            return (yield)


class Turns:
    """Who may be in the room, among processes that name the same folder: any number, or one who is alone."""

    def __init__(self, folder: Path) -> None:
        self._door, self._room = folder / "door", folder / "room"

    @contextmanager
    def taken(self, *, alone: bool) -> Iterator[None]:
        with self._room.open("w") as room:
            with self._door.open("w") as door:
                fcntl.flock(door, fcntl.LOCK_EX)  # whoever waits for an empty room lets nobody else in
                fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            try:
                yield
            finally:
                fcntl.flock(room, fcntl.LOCK_UN)  # also for a child that was forked meanwhile


def run_folder(config: pytest.Config) -> Path | None:
    """Where a process of a run in several keeps its servers; None in a run of one process."""
    told = getattr(config, "workerinput", {}).get(_FOLDER)
    return Path(told) if told else None


class _WholeFiles(LoadScopeScheduling):  # type: ignore[misc] # ships no types
    def _split_scope(self, nodeid: str) -> str:
        """The tests of one scope run in one process, in order."""
        file = nodeid.partition("::")[0]
        return next((folder for folder in _TOGETHER if file.startswith(folder)), file)


def _place(nodeid: str) -> int:
    return next(place for place, folder in enumerate(_ORDER) if nodeid.startswith(folder))


def _is_alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None
