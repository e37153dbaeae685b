"""The schema: its migrations (common/migrations), applied in their order, one starting worker after the other."""

import threading
import time
from pathlib import Path

import psycopg
from psycopg import errors
from yoyo import get_backend, read_migrations
from yoyo.backends.base import DatabaseBackend
from yoyo.migrations import Migration, read_sql_migration

from common.database import NOTICE_DEATH, DatabaseAwayError

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x656E6C61726765  # advisory lock's key: two workers starting together migrate one after the other
MIGRATION_LOCK_MS = 500  # whoever writes stands in line behind a migration that waits for a table
MIGRATION_TURN_S = 0.2
MIGRATION_WAIT_S = 300.0
NEVER = threading.Event()


class OldSchemaError(Exception):
    """The schema is older than this program and MIGRATE is off."""


def migrate(
    url: str, *, allowed: bool = True, folder: Path = MIGRATIONS, stopping: threading.Event = NEVER
) -> list[str]:
    """Bring the schema up to date under a lock; returns the names applied. Writers wait for it a second at most.

    Raises OldSchemaError when not `allowed`, DatabaseAwayError (also where somebody holds a table for too long, or when
    told to stop before its turn had come).

    yoyo's own lock is a row that a killed process leaves behind; PostgreSQL's advisory lock dies with its connection.
    It is asked for again and again: who waits inside a statement keeps CREATE INDEX CONCURRENTLY from ever ending.
    """
    try:
        with psycopg.connect(url, autocommit=True, **NOTICE_DEATH) as guard:
            while guard.execute("SELECT pg_try_advisory_lock(%s)", [MIGRATION_LOCK]).fetchone() != (True,):
                if stopping.wait(MIGRATION_TURN_S):
                    raise DatabaseAwayError("told to stop while somebody else migrates")
            return _apply_in_turns(url, folder, allowed=allowed)
    except psycopg.OperationalError as error:  # at any moment of it, not at the first connection only
        raise DatabaseAwayError(str(error).strip()) from error


def behind(url: str) -> list[str]:
    """The names of the migrations that the schema lacks; changes nothing. Raises DatabaseAwayError."""
    try:
        psycopg.connect(url, **NOTICE_DEATH).close()
        backend = get_backend(_yoyo_url(url))
        try:
            return [migration.id for migration in backend.to_apply(read_migrations(str(MIGRATIONS)))]
        finally:
            backend.connection.close()
    except psycopg.OperationalError as error:
        raise DatabaseAwayError(str(error).strip()) from error


def _apply_in_turns(url: str, folder: Path, *, allowed: bool) -> list[str]:
    """A migration that does not get its tables at once lets the writers behind it pass, and tries again."""
    names: list[str] = []
    began = time.monotonic()
    while True:
        waited_s = time.monotonic() - began
        try:
            return names + _apply_pending(url, folder, names, allowed=allowed)
        except errors.LockNotAvailable as error:
            if waited_s > MIGRATION_WAIT_S:
                held = f"for {MIGRATION_WAIT_S:.0f} s somebody held a table that a migration needs (pg_stat_activity)"
                raise DatabaseAwayError(held) from error
            time.sleep(MIGRATION_TURN_S)


def _apply_pending(url: str, folder: Path, applied: list[str], *, allowed: bool) -> list[str]:
    """Applies what is pending, one after the other, each noted in `applied` as it is committed."""
    backend = get_backend(_yoyo_url(url))
    try:
        pending = backend.to_apply(read_migrations(str(folder)))
        if pending and not allowed:
            lacking = ", ".join(migration.id for migration in pending)
            raise OldSchemaError(f"MIGRATE=off and the schema lacks {lacking}: run ./enlarger migrate")
        backend.ensure_internal_schema_updated()
        backend.execute(f"SET lock_timeout = {MIGRATION_LOCK_MS}")
        backend.commit()
        for migration in pending:
            _apply(backend, migration)
            applied.append(migration.id)
    finally:
        backend.connection.close()
    return []


def _apply(backend: DatabaseBackend, migration: Migration) -> None:
    """The change and the note that it was made are one transaction, unless the file says `-- transactional: false`.

    Such a file (CREATE INDEX CONCURRENTLY allows no transaction) must bear being run again after a crash.
    """
    migration.load()
    if migration.use_transactions:
        with backend.transaction():
            for step in migration.steps:
                step.apply(backend)
            backend.mark_one(migration)
        return
    with backend.disable_transactions():
        for statement in read_sql_migration(migration.path)[2]:
            # The one waits for every older snapshot in the database, a dump's for instance, the other for a VACUUM:
            # nobody who writes stands behind either.
            patience_ms = 0 if "CONCURRENTLY" in statement or "SET (fillfactor" in statement else MIGRATION_LOCK_MS
            backend.execute(f"SET lock_timeout = {patience_ms}")
            backend.cursor().execute(statement)  # the backend's own `execute` takes each % for a parameter
        backend.execute(f"SET lock_timeout = {MIGRATION_LOCK_MS}")
    with backend.transaction():
        backend.mark_one(migration)


def _yoyo_url(url: str) -> str:
    _scheme, _, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}"
