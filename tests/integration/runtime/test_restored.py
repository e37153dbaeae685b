"""A database that finds itself at another place pauses everything, until somebody reconciled it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from common import restored, switches
from common.admin import Decision, RefusedError, pausing, reading
from common.database import Database
from common.stages import Stage
from tests.integration.runtime.rig import Rig, TinyLane, steadily
from tests.integration.sandbox.standin import until

ANNA = Decision("anna", "")
AS_PG_RESTORE_DOES = (
    "CREATE TABLE copy (LIKE installation INCLUDING ALL); INSERT INTO copy SELECT * FROM installation; "
    "DROP TABLE installation; ALTER TABLE copy RENAME TO installation"
)


@pytest.fixture
def opened(database_url: str) -> Iterator[Database]:
    made = Database(database_url)
    made.open()
    with made.transaction() as tx:
        restored.guard(tx)  # as the first worker of an installation does
    yield made
    made.close()


def _guarded(opened: Database, *, promotions: bool = True) -> list[str]:
    with opened.transaction() as tx:
        restored.guard(tx, promotions=promotions)
        return [pause.what for pause in switches.paused(tx)]


def test_a_database_that_stays_where_it_is_is_left_alone(opened: Database) -> None:
    assert _guarded(opened) == []


def test_a_restored_one_is_paused_and_may_not_be_resumed_before_it_was_reconciled(opened: Database) -> None:
    with opened.transaction() as tx:
        tx.execute(AS_PG_RESTORE_DOES)
    assert _guarded(opened) == ["all"]
    assert _guarded(opened) == ["all"]
    with opened.transaction() as tx:
        tx.execute("DELETE FROM pauses")
    assert _guarded(opened) == ["all"]
    with opened.transaction() as tx:
        with pytest.raises(RefusedError, match="restore-check"):
            pausing.resume(tx, "all", ANNA)
        restored.accept(tx)
        assert "Resumed: all." in pausing.resume(tx, "all", ANNA)
    assert _guarded(opened) == []


def test_the_operator_is_told_once_and_no_mail_takes_the_name_of_one_before(opened: Database) -> None:
    with opened.transaction() as tx:
        tx.execute(AS_PG_RESTORE_DOES)
    for _ in range(3):
        _guarded(opened)
    with opened.transaction() as tx:
        assert tx.execute("SELECT detail->>'subject' FROM mails").fetchall() == [(restored.SUBJECT,)]
        [(next_id,)] = tx.execute("SELECT nextval(pg_get_serial_sequence('attention', 'attention_id'))").fetchall()
        assert next_id > restored.SKIPPED


SEEN = (
    "INSERT INTO workers (worker_id, service, lanes, seen_at) VALUES (gen_random_uuid(), %s, '{submit}', now() - %s * "
    "interval '1 second')"
)


def test_workers_that_came_with_the_backup_are_not_shown(opened: Database) -> None:
    with opened.transaction() as tx:
        tx.execute(SEEN, ["submitter", 20])
        assert [worker["service"] for worker in reading.workers(tx)] == ["submitter"]
    with opened.transaction() as tx:
        tx.execute(AS_PG_RESTORE_DOES)
        restored.guard(tx)
        tx.execute(SEEN, ["poller", 0])
        assert [worker["service"] for worker in reading.workers(tx)] == ["poller"]
        restored.accept(tx)
        assert [worker["service"] for worker in reading.workers(tx)] == ["poller"]


def test_workers_that_live_are_shown_after_a_second_check(opened: Database) -> None:
    with opened.transaction() as tx:
        tx.execute(SEEN, ["poller", 1])
        restored.note(tx)
        restored.accept(tx)
        assert [worker["service"] for worker in reading.workers(tx)] == ["poller"]


def test_a_promoted_standby_counts_unless_standbys_are_synchronous(opened: Database) -> None:
    with opened.transaction() as tx:
        tx.execute("UPDATE installation SET place = split_part(place, '@', 1) || '@00000099'")
    assert _guarded(opened, promotions=False) == []
    assert _guarded(opened) == ["all"]


def test_who_looks_while_a_person_accepts_it_waits_and_leaves_it_alone(opened: Database) -> None:
    with opened.transaction() as tx:
        tx.execute(AS_PG_RESTORE_DOES)
    assert _guarded(opened) == ["all"]
    with ThreadPoolExecutor(1) as others:
        with opened.transaction() as accepting:
            restored.accept(accepting)
            switches.resume(accepting, switches.ALL)
            looking = others.submit(_guarded, opened)
            until(lambda: _waiting(opened))
        assert looking.result() == []


def _waiting(opened: Database) -> bool:
    """Whether somebody waits for a lock; asked in a new transaction each time, for which the list is made anew."""
    waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with opened.transaction() as tx:
        return bool(tx.execute(waiting).fetchall())


@pytest.fixture
def guarded(database_url: str) -> Iterator[Database]:
    """As a worker has it: whether it was restored is asked at each new connection."""
    made = Database(database_url, wait_s=1, guard=restored.guard)
    made.open()
    yield made
    made.close()


def test_a_lane_decides_nothing_from_the_first_connection_to_a_restored_one(rig: Rig, guarded: Database) -> None:
    lane, workers = TinyLane(), replace(rig, database=guarded)
    with workers.running(lane):
        [before] = rig.paid()
        rig.pay(before)
        until(lambda: rig.stage(before) is Stage.WATCH)
        rig.sql(AS_PG_RESTORE_DOES)
        rig.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        until(rig.database.alive)
        [after] = rig.paid()
        rig.pay(after)
        until(lambda: rig.sql("SELECT what FROM pauses") == [("all",)])
        assert steadily(lambda: lane.asked == [before], 2)
        assert rig.stage(after) is Stage.SUBMIT

        with guarded.transaction() as tx:
            restored.accept(tx)
        until(lambda: rig.stage(after) is Stage.WATCH)
    assert lane.asked == [before, after]
