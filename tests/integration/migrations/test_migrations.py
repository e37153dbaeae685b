"""The schema moves forward under load: nobody who writes waits for a second, and no crash leaves it half way."""

import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from yoyo.migrations import read_sql_migration

from common import schema
from common.database import DatabaseAwayError
from common.schema import MIGRATION_LOCK, MIGRATION_LOCK_MS, MIGRATIONS, migrate
from local.database import Database
from local.processes import await_condition
from tests.integration.locks import await_second_try

LONGEST_WRITE_S = 1.0
FIRST = "0001_initial.sql"
EMPTY = "migrations_{}"

# As an installation has them after a year: nearly all are over, a few are underway.
FILL = """
INSERT INTO jobs (job_id, ticket, status, stage, wake_at, settled_at, source_kind, source_url, source_width,
                  source_height, factor, amount_cents, currency, credits, cost_cents, markup_percent, charged_cents)
SELECT gen_random_uuid(), 'tk_' || md5(n::text), 'completed', CASE WHEN n %% 100 = 0 THEN 'keep' ELSE 'settled' END,
       CASE WHEN n %% 100 = 0 THEN now() + interval '1 day' END, CASE WHEN n %% 100 <> 0 THEN now() END, 'catalogue',
       'https://shop.example/' || n || '.jpg', 690, 460, 4, 192, 'usd', 16, 64, 200, 192
FROM generate_series(1, %s) AS n
"""
FURTHER = (
    """INSERT INTO attempts (job_id, attempt, state, claimed_until, submitted_at, ended_at, provider_id, credits)
       SELECT job_id, 1, 'succeeded', now(), now(), now(), 'up_' || job_id, 16 FROM jobs""",
    """INSERT INTO stripe_events (event_id, type, job_id, outcome, payload)
       SELECT 'evt_' || job_id, 'checkout.session.completed', job_id, 'paid', '{}' FROM jobs""",
    "VACUUM ANALYZE",
)
WRITERS_MODE = "RowExclusiveLock"  # of those who stand in line behind a migration
ALONE = (
    ("UPDATE jobs SET version = version + 1, email = 'Anna' || version || '@example.org' WHERE job_id = %s",),
    ("UPDATE attempts SET claimed_until = now() WHERE job_id = %s",),
)
LANE = (  # it holds the order when it comes to what else it writes
    (
        "SELECT FROM jobs WHERE job_id = %s FOR UPDATE",
        "SELECT pg_sleep(0.005)",
        "INSERT INTO job_events (job_id, actor, kind) VALUES (%s, 'tests', 'moved')",
        """INSERT INTO deliveries (job_id, attempt, claim_no, claimed_until, file_key)
           SELECT job_id, attempt, (SELECT count(*) FROM deliveries d WHERE d.job_id = a.job_id), now(),
                  gen_random_uuid()::text FROM attempts a WHERE job_id = %s""",
    ),
)
WRITERS = (ALONE, LANE, LANE, LANE)
PATIENCE_S = 60.0
OLDER = 2000
UNLIKE = """
SELECT count(*) FROM jobs j FULL JOIN order_keys k USING (job_id)
WHERE (j.ticket, j.session_id, j.payment_intent, lower(j.email), j.created_at)
    IS DISTINCT FROM (k.ticket, k.session_id, k.payment_intent, k.address, k.created_at)
"""
AGAIN = [file for file in sorted(MIGRATIONS.glob("*.sql")) if file.stem > "0019" and file.stem < "0024"]
SHAPE = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT indrelid::regclass::text, indexrelid::regclass::text, pg_get_indexdef(indexrelid) || indisvalid FROM pg_index
WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
UNION ALL
SELECT '', proname, '' FROM pg_proc WHERE pronamespace = 'public'::regnamespace
ORDER BY 1, 2, 3
"""
WAITING_LONG = """
SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'virtualxid'
    AND query LIKE 'CREATE INDEX CONCURRENTLY%%' AND now() - query_start > make_interval(secs => %s))
"""


@pytest.fixture
def old_url(database: Database, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database without any schema."""
    name = EMPTY.format(abs(hash(request.node.name)))
    yield database.createdb(name, "template0")
    database.dropdb(name)


@pytest.mark.alone
@pytest.mark.timeout(900)
def test_a_large_database_is_migrated_while_orders_go_on(
    old_url: str, tmp_path: Path, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "MIGRATION_WAIT_S", PATIENCE_S)
    jobs = pytestconfig.getoption("--migrated-jobs")
    migrate(old_url, folder=_only(FIRST, tmp_path))
    with psycopg.connect(old_url, autocommit=True) as connection:
        connection.execute(FILL, [jobs])
        for statement in FURTHER:
            connection.execute(statement)
    with _writing(old_url) as seconds:
        began = time.monotonic()
        names = migrate(old_url)
        took_s = time.monotonic() - began
    longest_s = max(seconds)
    print(f"\n{jobs} jobs: {len(names)} migrations in {took_s:.1f} s, {len(seconds)} writes, longest {longest_s:.2f} s")  # noqa: T201 - the figures are what people run it for
    with psycopg.connect(old_url) as connection:
        assert connection.execute(UNLIKE).fetchone() == (0,), "orders whose keys say something else"
    assert names
    assert longest_s < LONGEST_WRITE_S


def test_a_migration_lets_writers_pass_while_somebody_holds_its_table(old_url: str, tmp_path: Path) -> None:
    migrate(old_url, folder=_only(FIRST, tmp_path))
    with psycopg.connect(old_url, autocommit=True) as connection:
        connection.execute(FILL, [100])
    with ThreadPoolExecutor() as pool, psycopg.connect(old_url) as slow_report:
        slow_report.execute("SELECT count(*) FROM jobs")  # its lock lasts as long as its transaction
        with _writing(old_url) as seconds:
            migrating = pool.submit(migrate, old_url)
            await_second_try(old_url, besides=WRITERS_MODE)
            assert not migrating.done()
            slow_report.commit()
            assert migrating.result(30)
    assert max(seconds) < LONGEST_WRITE_S


def test_an_old_snapshot_elsewhere_is_awaited_while_an_index_is_built(old_url: str, tmp_path: Path) -> None:
    """A dump's, for instance: building the index anew after each half second would never end."""
    migrate(old_url, folder=_only(FIRST, tmp_path))
    with psycopg.connect(old_url, autocommit=True) as connection:
        connection.execute(FILL, [100])
    with ThreadPoolExecutor() as pool, psycopg.connect(old_url) as dump:
        dump.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        dump.execute("SELECT count(*) FROM pg_class")
        with _writing(old_url) as seconds:
            migrating = pool.submit(migrate, old_url)
            _await_patient_index(old_url)
            dump.commit()
            assert migrating.result(30)
    assert max(seconds) < LONGEST_WRITE_S


def _await_patient_index(url: str) -> None:
    """Until an index has been built in one go for longer than a table's lock is waited for."""
    with psycopg.connect(url, autocommit=True) as looking:
        await_condition(
            lambda: looking.execute(WAITING_LONG, [3 * MIGRATION_LOCK_MS / 1000]).fetchone() == (True,),
            20,
            "an index to wait for the snapshot",
        )


def test_who_waits_for_its_turn_can_be_stopped(old_url: str) -> None:
    stopping = threading.Event()
    with psycopg.connect(old_url) as other, ThreadPoolExecutor() as pool:
        other.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
        waiting = pool.submit(migrate, old_url, stopping=stopping)
        stopping.set()
        with pytest.raises(DatabaseAwayError, match="told to stop"):
            waiting.result(10)


def test_all_replicas_that_start_together_migrate_once(old_url: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        applied = list(pool.map(migrate, [old_url] * 6))
    assert sorted(len(names) for names in applied)[:5] == [0] * 5
    assert len(max(applied)) == len(list(MIGRATIONS.glob("*.sql")))


def test_a_death_in_a_migration_leaves_nothing_of_it(old_url: str, tmp_path: Path) -> None:
    """The change and the note that it was made are one: a crash between the two would stop every later start."""
    broken = _only(FIRST, tmp_path)
    (broken / "0002_dies.sql").write_text(
        "-- depends: 0001_initial\nCREATE TABLE half_way (n integer);\nSELECT pg_terminate_backend(pg_backend_pid());\n"
    )
    with pytest.raises(DatabaseAwayError):
        migrate(old_url, folder=broken)
    (broken / "0002_dies.sql").write_text("-- depends: 0001_initial\nCREATE TABLE half_way (n integer);\n")
    assert migrate(old_url, folder=broken) == ["0002_dies"]


def test_an_older_order_that_changes_just_when_its_keys_are_made_has_the_new_ones(old_url: str) -> None:
    migrate(old_url)
    _, _, made_later = (MIGRATIONS / "0019_older_orders.sql").read_text().partition("kept AS (")
    make, _, _ = made_later.partition("DO NOTHING")
    with psycopg.connect(old_url, autocommit=True) as connection:
        connection.execute(FILL, [OLDER])
        connection.execute("UPDATE jobs SET session_id = 'cs_' || job_id, payment_intent = 'pi_' || job_id")
        connection.execute("DELETE FROM order_keys")
        ids = [row[0] for row in connection.execute("SELECT job_id FROM jobs")]
    together = threading.Barrier(2)

    def each(statement: str) -> None:
        with psycopg.connect(old_url, autocommit=True) as connection:
            for job_id in ids:
                together.wait(30)
                connection.execute(statement.encode(), [job_id])

    with ThreadPoolExecutor(2) as pool:
        made = pool.submit(each, f"WITH few AS (SELECT * FROM jobs WHERE job_id = %s) {make} DO NOTHING")
        changed = pool.submit(each, "UPDATE jobs SET email = 'anna@example.org' WHERE job_id = %s")
        made.result(60)
        changed.result(60)
    with psycopg.connect(old_url) as connection:
        assert connection.execute(UNLIKE).fetchone() == (0,)


@pytest.mark.parametrize("stopped_after", range(7))
def test_what_runs_without_a_transaction_may_be_run_again(old_url: str, stopped_after: int) -> None:
    """A crash leaves the first of a file's statements done, and no note of it."""
    migrate(old_url)
    with psycopg.connect(old_url, autocommit=True) as connection:
        connection.execute(FILL, [20])
        connection.execute(FURTHER[0])
        as_made = connection.execute(SHAPE).fetchall()
        for file in AGAIN:
            for statement in read_sql_migration(str(file))[2][:stopped_after]:
                connection.execute(statement.encode())
            connection.execute("DELETE FROM _yoyo_migration WHERE migration_id = %s", [file.stem])
    assert migrate(old_url) == [file.stem for file in AGAIN]
    with psycopg.connect(old_url) as connection:
        assert connection.execute(SHAPE).fetchall() == as_made
        assert connection.execute(UNLIKE).fetchone() == (0,)


def _only(name: str, folder: Path) -> Path:
    migrations = folder / "migrations"
    migrations.mkdir()
    shutil.copy(MIGRATIONS / name, migrations)
    return migrations


@contextmanager
def _writing(url: str) -> Iterator[list[float]]:
    """Jobs and what speaks of them are changed without a pause until the end; how many seconds each change took."""
    seconds: list[float] = []
    over = threading.Event()

    def write(number: int, writes: Sequence[Sequence[str]]) -> None:
        with psycopg.connect(url) as connection:
            ids = [row[0] for row in connection.execute("SELECT job_id FROM jobs ORDER BY job_id LIMIT 100").fetchall()]
            connection.commit()
            turn = number
            while not over.is_set():
                job_id = ids[turn % len(ids)]
                for statements in writes:
                    began = time.monotonic()
                    for statement in statements:
                        connection.execute(statement, [job_id] if "%s" in statement else None)
                    connection.commit()
                    seconds.append(time.monotonic() - began)
                turn += len(WRITERS)

    with ThreadPoolExecutor(len(WRITERS)) as pool:
        writers = [pool.submit(write, number, writes) for number, writes in enumerate(WRITERS)]
        try:
            yield seconds
        finally:
            over.set()
            for writer in writers:
                writer.result(60)
