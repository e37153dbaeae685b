"""Who decides keeps a connection while there is work, and never one that somebody else needs."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import psycopg
import pytest

from common import kept as module
from common.database import Database, DatabaseAwayError, Transaction
from tests.integration.sandbox.standin import until

Make = Callable[[int], Database]


@pytest.fixture
def make(database_url: str) -> Iterator[Make]:
    """Opens a pool of so many connections."""
    made: list[Database] = []

    def of(size: int) -> Database:
        made.append(Database(database_url, max_size=size, wait_s=1))
        made[-1].open()
        return made[-1]

    yield of
    for database in made:
        database.close()


def _server(tx: Transaction) -> int:
    row = tx.execute("SELECT pg_backend_pid()").fetchone()
    assert row
    return int(row[0])


def _decides_on(database: Database) -> int:
    with database.deciding() as tx:
        return _server(tx)


def _two_more(database: Database) -> None:
    """Have the pool open connections that it hands out in turn."""
    with database.transaction(), database.transaction():
        pass


def test_one_decision_after_the_other_is_served_by_the_same_process(make: Make) -> None:
    database = make(8)
    first = _decides_on(database)
    _two_more(database)
    assert {_decides_on(database) for _ in range(5)} == {first}


def test_others_have_connections_of_their_own(make: Make) -> None:
    database = make(8)
    ours = _decides_on(database)
    with database.transaction() as tx:
        assert _server(tx) != ours
    with database.deciding() as mine, database.deciding() as theirs:
        assert _server(mine) != _server(theirs)


def test_whoever_decides_next_takes_the_one_that_was_just_used(make: Make) -> None:
    """A lane's threads decide in turn."""
    database = make(8)
    ours = _decides_on(database)
    _two_more(database)
    theirs: list[int] = []
    thread = threading.Thread(target=lambda: theirs.append(_decides_on(database)))
    thread.start()
    thread.join()
    assert theirs == [ours]


def test_a_small_pool_stays_open_to_all(make: Make) -> None:
    for size in (1, 2, 3):
        database = make(size)
        for _ in range(2):
            threads = [threading.Thread(target=_decides_on, args=[database]) for _ in range(size)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        with database.transaction() as tx:
            assert _server(tx)


def test_one_that_rested_goes_back_to_the_pool(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    database = make(8)
    first = _decides_on(database)
    _two_more(database)
    monkeypatch.setattr(module, "FRESH_S", 0.0)
    assert _decides_on(database) != first  # the pool hands out the one that has waited longest


def test_one_whose_lane_has_nothing_to_do_goes_back_to_who_needs_it(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = make(2)
    _decides_on(database)
    monkeypatch.setattr(module, "FRESH_S", 0.0)
    with database.transaction(), database.transaction():
        pass


def test_one_that_was_kept_for_long_goes_back_although_there_is_work(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = make(8)
    first = _decides_on(database)
    _two_more(database)
    monkeypatch.setattr(module, "KEPT_S", 0.0)
    assert _decides_on(database) != first  # the pool looks how old it is, and hands out another


def test_a_decision_within_a_decision_loses_none(make: Make) -> None:
    database = make(4)
    for _ in range(4):
        with database.deciding(), database.deciding():
            pass


def test_closing_while_threads_decide_ends_them_and_leaves_nothing_open(make: Make, database_url: str) -> None:
    database = make(8)
    began = threading.Barrier(4)

    def decide() -> None:
        _decides_on(database)
        began.wait(10)
        with suppress(DatabaseAwayError):
            while True:
                _decides_on(database)

    threads = [threading.Thread(target=decide) for _ in range(3)]
    for thread in threads:
        thread.start()
    began.wait(10)
    database.close()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    with psycopg.connect(database_url, autocommit=True) as other:
        ours = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        until(lambda: not other.execute(ours).fetchall())


def test_an_error_gives_it_back_rolled_back(make: Make, database_url: str) -> None:
    database = make(8)
    _decides_on(database)
    with suppress(ZeroDivisionError), database.deciding() as tx:
        tx.execute("CREATE TABLE left_over (a int)")
        raise ZeroDivisionError
    with database.deciding() as tx:
        assert tx.execute("SELECT to_regclass('left_over')").fetchone() == (None,)
    with psycopg.connect(database_url) as other:
        idle = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
        assert other.execute(idle).fetchone() == (0,)


def test_a_kept_one_that_was_ended_is_given_up(make: Make, database_url: str) -> None:
    database = make(8)
    ours = _decides_on(database)
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [ours])
    with pytest.raises(DatabaseAwayError):
        _decides_on(database)
    assert _decides_on(database) != ours


def test_closing_closes_what_is_kept(make: Make, database_url: str) -> None:
    database = make(8)
    ours = _decides_on(database)
    database.close()
    with psycopg.connect(database_url, autocommit=True) as other:
        until(lambda: not other.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [ours]).fetchall())
