"""A lane's statements travel together: in their order, on fresh rows, all or nothing, and no error is lost."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

import psycopg
import pytest
from psycopg import errors
from psycopg.rows import dict_row

from common.database import Database, DatabaseAwayError, Limits, Transaction, ahead, send_commit
from tests.integration.sandbox.standin import until

COUNT = "SELECT count(*) FROM notes WHERE %(ids)s::text = text"
ADD = "INSERT INTO notes (text) VALUES (%(text)s)"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE notes (text text NOT NULL CHECK (text <> 'bad'))")
    made = Database(database_url, max_size=1, limits=Limits(lock_s=0.5))
    made.open()
    yield made
    made.close()


def _notes(database_url: str) -> list[str]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        return [row[0] for row in connection.execute("SELECT text FROM notes ORDER BY text")]


def _add(tx: Transaction, text: str) -> None:
    tx.execute(ADD, {"text": text})


def _count(tx: Transaction, text: str) -> int:
    row = tx.execute(COUNT, {"ids": text}).fetchone()
    assert row
    return int(row[0])


def test_what_was_sent_is_committed_together_and_answers_may_be_looked_at_in_any_order(
    database: Database, database_url: str
) -> None:
    with database.deciding() as tx:
        first = tx.execute("SELECT 1 UNION SELECT 2 ORDER BY 1")
        _add(tx, "a")
        counted = tx.execute(COUNT, {"ids": "a"})
        _add(tx, "b")
        assert counted.fetchone() == (1,)
        assert first.fetchall() == [(1,), (2,)]
        assert not _notes(database_url)
    assert _notes(database_url) == ["a", "b"]
    assert list(first) == [(1,), (2,)]  # still, when the transaction is over


def _server(database: Database) -> int:
    """The process that serves the one connection."""
    with database.deciding() as tx:
        row = tx.execute("SELECT pg_backend_pid()").fetchone()
        assert row
        return int(row[0])


def test_an_error_that_nobody_looked_at_undoes_everything_and_is_raised(database: Database, database_url: str) -> None:
    def bad(text: str) -> None:
        with database.deciding() as tx:
            _add(tx, "a")
            _add(tx, text)
            _add(tx, "c")

    server = _server(database)
    with pytest.raises(errors.CheckViolation):
        bad("bad")
    assert not _notes(database_url)
    bad("fine")
    assert _notes(database_url) == ["a", "c", "fine"]
    assert _server(database) == server  # the connection is as good as before


def test_a_commit_that_was_sent_ahead_is_waited_for(database: Database, database_url: str) -> None:
    def ahead_of(text: str) -> int:
        with database.deciding() as tx:
            _add(tx, text)
            counted = tx.execute(COUNT, {"ids": text})
            send_commit(tx)
        return len(counted.fetchall())

    with pytest.raises(errors.CheckViolation):
        ahead_of("bad")
    assert not _notes(database_url)
    assert ahead_of("fine") == 1
    assert _notes(database_url) == ["fine"]


def test_nothing_is_asked_after_the_commit(database: Database, database_url: str) -> None:
    def too_late() -> None:
        with database.deciding() as tx:
            _add(tx, "a")
            send_commit(tx)
            _add(tx, "b")

    with pytest.raises(errors.InternalError, match="after the COMMIT"):
        too_late()
    assert _notes(database_url) == ["a"]
    assert _server(database)


def test_an_error_is_raised_where_its_answer_is_looked_at(database: Database, database_url: str) -> None:
    reached = False
    with pytest.raises(errors.CheckViolation), database.deciding() as tx:  # noqa: PT012 - where it is raised
        _add(tx, "bad")
        _count(tx, "a")
        reached = True
    assert not reached
    assert not _notes(database_url)


def test_what_the_body_raises_undoes_what_was_sent(database: Database, database_url: str) -> None:
    with pytest.raises(ZeroDivisionError), database.deciding() as tx:  # noqa: PT012 - behind a write
        _add(tx, "a")
        _ = 1 / 0
    with database.deciding() as tx:
        assert _count(tx, "a") == 0
    assert not _notes(database_url)


def test_a_transaction_that_only_reads_ends_too(database: Database, database_url: str) -> None:
    with database.deciding() as tx:
        assert _count(tx, "a") == 0
    with psycopg.connect(database_url, autocommit=True) as connection:
        states = connection.execute(
            "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
    assert states == [("idle",)]


def test_statements_prepared_before_a_roll_back_go_on_working_after_it(database: Database, database_url: str) -> None:
    for text in ("a", "a", "a", "bad", "a", "a", "a"):
        try:
            with database.deciding() as tx:
                _add(tx, text)
        except errors.CheckViolation:
            assert text == "bad"
    with database.transaction() as plain:  # psycopg's own statements share the book
        _add(plain, "b")
    assert _notes(database_url) == ["a"] * 6 + ["b"]


def test_begin_and_commit_are_read_once_a_connection_and_anew_after_a_roll_back(database: Database) -> None:
    def known() -> list[str]:
        with database.deciding() as tx:
            rows = tx.execute("SELECT statement FROM pg_prepared_statements WHERE statement IN ('BEGIN', 'COMMIT')")
            return sorted(row[0] for row in rows)

    for _ in range(2):
        assert known() == ["BEGIN"]
        assert known() == known() == ["BEGIN", "COMMIT"]
        with pytest.raises(errors.CheckViolation), database.deciding() as tx:
            _add(tx, "bad")


def test_a_server_keeps_no_more_prepared_statements_than_psycopg_lets_it(database: Database) -> None:
    for number in range(130):
        with database.deciding() as tx:
            for _ in range(2):
                tx.execute(f"SELECT {number}")
    with database.deciding() as tx:
        row = tx.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()
    assert row
    assert 50 < row[0] <= 101


def test_what_is_read_behind_a_lock_is_what_its_holder_committed(database: Database, database_url: str) -> None:
    """The two travel together, and the one that reads still begins when the lock is there."""
    with psycopg.connect(database_url) as holder:
        holder.execute("INSERT INTO notes VALUES ('locked')")
        holder.commit()
        holder.execute("SELECT text FROM notes FOR UPDATE")
        found: list[int] = []

        def read() -> None:
            with database.deciding() as tx:
                locked = tx.execute("SELECT text FROM notes WHERE text = 'locked' FOR UPDATE")
                ahead(tx, COUNT, {"ids": "meanwhile"})
                assert locked.fetchall() == [("locked",)]
                found.append(_count(tx, "meanwhile"))

        reader = threading.Thread(target=read)
        reader.start()
        with psycopg.connect(database_url, autocommit=True) as watch:
            waiting = (
                "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) "
                "WHERE NOT granted AND datname = current_database()"
            )
            until(lambda: watch.execute(waiting).fetchone() == (1,), 5)
        holder.execute("INSERT INTO notes VALUES ('meanwhile')")
        holder.commit()
        reader.join(5)
    assert found == [1]


def test_a_question_sent_ahead_is_asked_again_when_something_came_between(database: Database) -> None:
    with database.deciding() as tx:
        ahead(tx, COUNT, {"ids": "a"})
        _add(tx, "a")
        assert _count(tx, "a") == 1
    with database.deciding() as tx:
        ahead(tx, COUNT, {"ids": "a"})
        assert _count(tx, "b") == 0  # another question than was meant
        assert _count(tx, "a") == 1


def test_what_is_looked_at_after_the_commit_shares_nothing_with_who_has_the_connection_now(database: Database) -> None:
    """Else the rows of one lane were those of another's statement, now and then."""
    with database.deciding() as tx:
        server = tx.execute("SELECT pg_backend_pid()").fetchall()
        late = tx.execute("SELECT 'mine'")
    with database.deciding() as other:
        assert other.execute("SELECT pg_backend_pid()").fetchall() == server
        assert cast("Any", tx)._conversions is not cast("Any", other)._conversions  # noqa: SLF001 - what they might share
        assert late.fetchall() == [("mine",)]


def test_a_cursor_of_psycopgs_own_may_come_between(database: Database, database_url: str) -> None:
    with database.deciding() as tx:
        _add(tx, "a")
        assert tx.cursor(row_factory=dict_row).execute("SELECT text FROM notes").fetchall() == [{"text": "a"}]
        _add(tx, "b")
    assert _notes(database_url) == ["a", "b"]


def test_a_failure_that_was_swallowed_is_no_commit(database: Database, database_url: str) -> None:
    with pytest.raises(psycopg.InternalError, match="rolled it back"), database.deciding() as tx:  # noqa: PT012 - behind a write
        _add(tx, "a")
        with suppress(errors.DivisionByZero):
            tx.cursor().execute("SELECT 1 / 0")
    assert not _notes(database_url)


def test_after_a_swallowed_failure_the_connection_knows_what_its_server_has_prepared(database: Database) -> None:
    """The COMMIT that was answered with a roll-back emptied psycopg's book: the server's is to be emptied at once."""
    server = _server(database)
    with pytest.raises(errors.CheckViolation), database.deciding() as tx:  # its roll-back empties both
        _add(tx, "bad")
    with pytest.raises(psycopg.InternalError, match="rolled it back"), database.deciding() as tx:  # noqa: PT012 - behind a write
        _add(tx, "a")
        with suppress(errors.DivisionByZero):
            tx.cursor().execute("SELECT 1 / 0")
    for _ in range(4):
        assert _server(database) == server


def test_a_row_that_somebody_holds_for_too_long_is_a_passing_error(database: Database, database_url: str) -> None:
    with psycopg.connect(database_url) as holder:
        holder.execute("LOCK TABLE notes")
        with pytest.raises(errors.LockNotAvailable), database.deciding() as tx:
            _add(tx, "a")
    with database.deciding() as tx:
        _add(tx, "b")
    assert _notes(database_url) == ["b"]


@pytest.mark.parametrize("looked_at", [True, False], ids=["at a look", "at the commit"])
def test_a_connection_that_was_ended_is_a_database_that_is_away(
    database: Database, database_url: str, *, looked_at: bool
) -> None:
    with pytest.raises(DatabaseAwayError), database.deciding() as tx:  # noqa: PT012 - in the middle
        row = tx.execute("SELECT pg_backend_pid()").fetchone()
        assert row
        with psycopg.connect(database_url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [row[0]])
        _add(tx, "a")
        if looked_at:
            _count(tx, "a")
    with database.deciding() as tx:
        _add(tx, "b")
    assert _notes(database_url) == ["b"]


def test_what_is_sent_may_be_larger_than_any_buffer_while_answers_wait_to_be_read(
    database: Database, database_url: str
) -> None:
    with database.deciding() as tx:
        large = tx.execute("SELECT repeat('x', 20000000)")
        for _ in range(4):
            _add(tx, "y" * 5_000_000)
    assert len(large.fetchall()[0][0]) == 20_000_000
    assert [len(note) for note in _notes(database_url)] == [5_000_000] * 4
