"""A database that finds itself at another place pauses everything, until somebody reconciled it."""

from collections.abc import Iterator

import pytest

from common import restored, switches
from common.admin import Decision, RefusedError, pausing
from common.database import Database

ANNA = Decision("anna", "")
AS_PG_RESTORE_DOES = (
    "CREATE TABLE copy (LIKE installation INCLUDING ALL); INSERT INTO copy SELECT * FROM installation; "
    "DROP TABLE installation; ALTER TABLE copy RENAME TO installation"
)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    opened.open()
    with opened.transaction() as tx:
        restored.guard(tx)  # as the first worker of an installation does
    yield opened
    opened.close()


def _guarded(database: Database, *, promotions: bool = True) -> list[str]:
    with database.transaction() as tx:
        restored.guard(tx, promotions=promotions)
        return [pause.what for pause in switches.paused(tx)]


def test_a_database_that_stays_where_it_is_is_left_alone(database: Database) -> None:
    assert _guarded(database) == []


def test_a_restored_one_is_paused_and_may_not_be_resumed_before_it_was_reconciled(database: Database) -> None:
    with database.transaction() as tx:
        tx.execute(AS_PG_RESTORE_DOES)
    assert _guarded(database) == ["all"]
    assert _guarded(database) == ["all"]
    with database.transaction() as tx:
        tx.execute("DELETE FROM pauses")
    assert _guarded(database) == ["all"]
    with database.transaction() as tx:
        with pytest.raises(RefusedError, match="restore-check"):
            pausing.resume(tx, "all", ANNA)
        restored.accept(tx)
        assert "Resumed: all." in pausing.resume(tx, "all", ANNA)
    assert _guarded(database) == []


def test_the_operator_is_told_once_and_no_mail_takes_the_name_of_one_before(database: Database) -> None:
    with database.transaction() as tx:
        tx.execute(AS_PG_RESTORE_DOES)
    for _ in range(3):
        _guarded(database)
    with database.transaction() as tx:
        assert tx.execute("SELECT detail->>'subject' FROM mails").fetchall() == [(restored.SUBJECT,)]
        [(next_id,)] = tx.execute("SELECT nextval(pg_get_serial_sequence('attention', 'attention_id'))").fetchall()
        assert next_id > restored.SKIPPED


def test_a_promoted_standby_counts_unless_standbys_are_synchronous(database: Database) -> None:
    with database.transaction() as tx:
        tx.execute("UPDATE installation SET place = split_part(place, '@', 1) || '@00000099'")
    assert _guarded(database, promotions=False) == []
    assert _guarded(database) == ["all"]
