"""A run in several processes: who must be alone is, and what a dead process leaves behind goes with the run."""

import fcntl
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local.processes import Process, Program, await_condition, child_environment
from tests.parallel import Run, Turns


def test_others_run_side_by_side(tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=10)

    def run(turns: Turns) -> None:
        with turns.taken(alone=False):
            both.wait()

    with ThreadPoolExecutor() as pool:
        list(pool.map(run, [Turns(tmp_path), Turns(tmp_path)]))


def test_who_is_alone_waits_for_an_empty_room_and_nobody_enters_before_it(tmp_path: Path) -> None:
    first, alone, late = Turns(tmp_path), Turns(tmp_path), Turns(tmp_path)
    came: list[str] = []

    def come(turns: Turns, name: str) -> None:
        with turns.taken(alone=turns is alone):
            came.append(name)

    with ThreadPoolExecutor() as pool:
        with first.taken(alone=False):
            asking = pool.submit(come, alone, "alone")
            await_condition(lambda: not _open(tmp_path / "door"), 10, "the door to be shut")
            later = pool.submit(come, late, "late")
            assert came == []
        asking.result(10)
        later.result(10)
    assert came == ["alone", "late"]


def test_the_run_ends_the_servers_of_a_process_that_died() -> None:
    run = Run()
    server = Process(Program("sleep", ("sleep", "60"), child_environment()), run.folder / "gw0" / "log" / "sleep.log")
    server.start()
    run.close()
    await_condition(lambda: not server.alive, 10, "the server to end")
    assert not run.folder.exists()


def _open(door: Path) -> bool:
    with door.open() as tried:
        try:
            fcntl.flock(tried, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
