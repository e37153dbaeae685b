"""The schema moves forward under load: nobody who writes waits for a second, and no crash leaves it half way."""

import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

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
WRITES = (
    "UPDATE jobs SET version = version + 1, email = 'Anna' || version || '@example.org' WHERE job_id = %s",
    "UPDATE attempts SET claimed_until = now() WHERE job_id = %s",
)
UNLIKE = """
SELECT count(*) FROM jobs j FULL JOIN order_keys k USING (job_id)
WHERE (j.ticket, j.session_id, j.payment_intent, lower(j.email), j.created_at)
    IS DISTINCT FROM (k.ticket, k.session_id, k.payment_intent, k.address, k.created_at)
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
    old_url: str, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
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


def _only(name: str, folder: Path) -> Path:
    migrations = folder / "migrations"
    migrations.mkdir()
    shutil.copy(MIGRATIONS / name, migrations)
    return migrations


@contextmanager
def _writing(url: str) -> Iterator[list[float]]:
    """Jobs and their attempts are changed one after the other until the end; how many seconds each write took."""
    seconds: list[float] = []
    over = threading.Event()

    def write() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            ids = [row[0] for row in connection.execute("SELECT job_id FROM jobs LIMIT 100").fetchall()]
            while not over.wait(0.005):
                for statement in WRITES:
                    began = time.monotonic()
                    connection.execute(statement, [ids[len(seconds) % len(ids)]])
                    seconds.append(time.monotonic() - began)

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(write)
        try:
            yield seconds
        finally:
            over.set()
            writer.result(60)
