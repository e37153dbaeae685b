"""PostgreSQL: the pool, transactions, and bringing the schema up to date. Translates the vendor's errors into ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import errors, sql
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout
from yoyo import get_backend, read_migrations

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x656E6C61726765  # pg_advisory_lock key: two workers starting together migrate one after the other

Transaction = psycopg.Connection[TupleRow]


class DatabaseAwayError(Exception):
    """The database cannot be reached (or is restarting): hold the work, nothing about it is wrong."""


class OldSchemaError(Exception):
    """The schema is older than this program and MIGRATE is off."""


AWAY = (
    psycopg.OperationalError,
    PoolTimeout,
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
)
# Errors of this class are about this one transaction: to be run again, nothing is away.
PASSING = (
    errors.SerializationFailure,
    errors.DeadlockDetected,
    errors.QueryCanceled,
    errors.LockNotAvailable,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that the server gives a statement, and a statement that waits for a lock."""

    statement_s: float = 30.0
    lock_s: float = 20.0


class Database:
    """A pool of connections, each checked before it is handed out. `wait_s`: how long to wait for one."""

    def __init__(self, url: str, max_size: int = 8, wait_s: float = 10.0, limits: Limits = Limits()) -> None:
        self._url = url
        self._pool = ConnectionPool(
            url,
            min_size=1,
            max_size=max_size,
            timeout=wait_s,
            check=ConnectionPool.check_connection,
            kwargs={
                "connect_timeout": 5,
                "options": f"-c statement_timeout={limits.statement_s * 1000:.0f} "
                f"-c lock_timeout={limits.lock_s * 1000:.0f} -c timezone=UTC",
            },
            open=False,
        )

    def open(self) -> None:
        self._pool.open()

    def close(self) -> None:
        self._pool.close(timeout=2)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One transaction: committed at the end, rolled back on an error. Raises DatabaseAwayError."""
        try:
            with self._pool.connection() as connection:
                yield connection
        except PASSING:
            raise
        except AWAY as error:
            raise DatabaseAwayError(str(error).strip()) from error

    def alive(self) -> bool:
        """One round trip, for /readyz."""
        try:
            with self.transaction() as tx:
                tx.execute("SELECT 1")
        except DatabaseAwayError:
            return False
        return True


def migrate(url: str, *, allowed: bool = True) -> list[str]:
    """Bring the schema up to date under a lock; returns the names applied.

    Raises OldSchemaError when not `allowed`, DatabaseAwayError.

    yoyo's own lock is a row that a killed process leaves behind; PostgreSQL's advisory lock dies with its connection.
    """
    try:
        guard = psycopg.connect(url, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        raise DatabaseAwayError(str(error).strip()) from error
    with guard:
        guard.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
        backend = get_backend(_yoyo_url(url))
        try:
            pending = backend.to_apply(read_migrations(str(MIGRATIONS)))
            names = [migration.id for migration in pending]
            if names and not allowed:
                raise OldSchemaError(f"MIGRATE=off and the schema lacks {', '.join(names)}: run ./enlarger migrate")
            backend.apply_migrations(pending)
        finally:
            backend.connection.close()
    return names


def _yoyo_url(url: str) -> str:
    _scheme, _, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}"


def unnest(tx: Transaction, statement: str, columns: dict[str, tuple[str, list[Any]]]) -> list[TupleRow]:
    """Run a set-based statement over rows given as columns: name -> (PostgreSQL type, values).

    `{rows}` in the statement becomes `unnest(...) AS i(names…)`: one statement, whatever the number of rows.
    """
    rows = sql.SQL("unnest({}) AS i({})").format(
        sql.SQL(", ").join(
            sql.SQL("{}::{}[]").format(sql.Placeholder(name), sql.SQL(kind)) for name, (kind, _) in columns.items()
        ),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
    )
    query = sql.SQL(statement).format(rows=rows)
    cursor = tx.execute(query, {name: values for name, (_, values) in columns.items()})
    return cursor.fetchall() if cursor.description else []
