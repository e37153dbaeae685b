"""PostgreSQL: the pool, transactions and set-based statements. Translates the vendor's errors into ours."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any, cast
from uuid import UUID

import psycopg
from psycopg import errors, sql
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout

from common.kept import Kept, Served
from common.pipelined import Pipelined, forget_prepared

# A server that vanished without a word is noticed within half a minute; the system's own patience is hours.
NOTICE_DEATH: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,  # milliseconds
}

Transaction = psycopg.Connection[TupleRow]
Row = TupleRow


class DatabaseAwayError(Exception):
    """The database cannot be reached (or is restarting): hold the work, nothing about it is wrong."""


AWAY = (
    psycopg.OperationalError,
    PoolTimeout,
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
    errors.ReadOnlySqlTransaction,  # a demoted primary, or a server that was closed to writers
)
MOVED = errors.SerializationFailure  # what `jobs.hold` raises: nobody else does, where each statement reads fresh rows
# Errors of this class are about this one transaction: to be run again, nothing is away.
PASSING = (
    errors.SerializationFailure,
    errors.DeadlockDetected,
    errors.QueryCanceled,
    errors.LockNotAvailable,
    errors.ProgramLimitExceeded,  # a value too long for its index, for instance
    errors.StatementTooComplex,
)
# Every statement finds its rows by key. Before the first statistics of a growing table are made, the planner believes
# that reading all of it is cheaper, and with each order that grows dearer: it is told not to. Nor may it gather all
# that is due and sort it, where an index has it in order and the clock wants the first few.
BY_KEY = "-c enable_seqscan=off -c enable_bitmapscan=off -c jit=off -c plan_cache_mode=force_generic_plan"
# When a claim of `unnest` ends. Not from now(), which is the BEGIN: the locks may have been waited for since.
LEASE = "clock_timestamp() + make_interval(secs => i.lease_s)"
HUNG_STATEMENTS = 4  # statements at their longest, which no transaction of ours has


def _check(connection: Served) -> None:
    """Look whether the connection lives, unless it has just proved it: that look is a round trip of its own."""
    if connection.rested:
        ConnectionPool.check_connection(connection)


def _undo(connection: Served, error: BaseException) -> None:
    """Roll back what was raised, and leave the connection fit for the next transaction or closed."""
    with suppress(psycopg.Error):  # it is lost: nothing is left to be rolled back
        connection.rollback()
        forget_prepared(connection)  # a COMMIT that was answered with a roll-back leaves nothing to be rolled back
    if isinstance(error, errors.ReadOnlySqlTransaction):
        connection.close()  # the next one may lead to the server that writes


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that the server gives a statement, and a statement that waits for a lock."""

    statement_s: float = 30.0
    lock_s: float = 20.0


def _trusted(_: Transaction) -> bool:
    return False


class Database:
    """A pool of connections, each checked before it is handed out. `wait_s`: how long to wait for one.

    `guard` says whether nothing may be decided on what a connection leads to (common/restored.py). It is asked at each
    new connection, for a failed-over server answers on new ones only, and at every `look`.
    """

    def __init__(
        self,
        url: str,
        max_size: int = 8,
        wait_s: float = 10.0,
        limits: Limits = Limits(),
        guard: Callable[[Transaction], bool] = _trusted,
    ) -> None:
        self._url = url
        self._guard = guard
        self._hung_s = HUNG_STATEMENTS * limits.statement_s
        self._began: dict[object, float] = {}
        self._pool = ConnectionPool(
            url,
            connection_class=Served,
            min_size=1,
            max_size=max_size,
            timeout=wait_s,
            check=_check,
            configure=self._greet,
            kwargs={
                **NOTICE_DEATH,
                "prepare_threshold": 1,  # the few statements that there are come again and again
                "options": f"-c statement_timeout={limits.statement_s * 1000:.0f} "
                f"-c lock_timeout={limits.lock_s * 1000:.0f} -c timezone=UTC {BY_KEY}",
            },
            open=False,
        )
        self._kept = Kept(self._pool, max_size // 2)  # the rest is for the clock, the switches, and other lanes

    def open(self) -> None:
        self._pool.open()

    def close(self) -> None:
        self._pool.close(timeout=2)
        self._kept.close()

    def look(self, tx: Transaction) -> bool:
        """Ask the guard."""
        return self._guard(tx)

    def _greet(self, connection: Served) -> None:
        with connection.transaction():
            connection.held = self.look(connection)

    @contextmanager
    def deciding(self) -> Iterator[Transaction]:
        """A transaction that leads to outside effects: while the guard forbids them the database is away, to it."""
        with self._watched():
            connection = self._kept.take()
            try:
                tx = self._begun(connection)
                try:
                    yield cast("Transaction", tx)
                    tx.commit()
                finally:
                    tx.abandon()
            except BaseException as error:
                try:
                    _undo(connection, error)
                finally:
                    self._pool.putconn(connection)
                raise
            connection.served_at = time.monotonic()
            self._kept.keep(connection)

    def _begun(self, connection: Served) -> Pipelined:
        connection.held = connection.held and self.look(connection)  # it may have been reconciled meanwhile
        if connection.held:
            raise DatabaseAwayError("it was restored: nothing is decided on it (docs/restore.md)")
        return Pipelined(connection, connection.conversions)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One transaction: committed at the end, rolled back on an error. Raises DatabaseAwayError."""
        self._kept.give_back_rested()
        with self._watched(), self._pool.connection() as connection:
            try:
                yield connection
                connection.commit()
            except BaseException as error:
                _undo(connection, error)
                raise
            connection.served_at = time.monotonic()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        token = object()
        self._began[token] = time.monotonic()
        try:
            yield
        except PASSING:
            raise
        except AWAY as error:
            raise DatabaseAwayError(str(error).strip()) from error
        finally:
            del self._began[token]

    @property
    def hangs(self) -> bool:
        """A transaction has run for longer than the server allows its statements: nobody answers any more, and no
        time-out of TCP's says so while a proxy in between keeps the connection alive. Only a new process helps.
        """
        oldest = min(list(self._began.values()), default=None)
        return oldest is not None and time.monotonic() - oldest > self._hung_s

    def alive(self) -> bool:
        """One round trip, for /readyz."""
        try:
            with self.transaction() as tx:
                tx.execute("SELECT 1")
        except DatabaseAwayError:
            return False
        return True


def ahead(tx: Transaction, statement: str, values: Mapping[str, Any]) -> None:
    """Where statements travel together, send this question, which is asked next, with what was sent before it."""
    if isinstance(tx, Pipelined):
        tx.ahead(statement, values)


def send_commit(tx: Transaction) -> None:
    """Where statements travel together, let the server commit while what follows is prepared. Nothing is asked then."""
    if isinstance(tx, Pipelined):
        tx.send_commit()


def unnest(tx: Transaction, statement: str, columns: dict[str, tuple[str, list[Any]]]) -> Iterable[TupleRow]:
    """Run a set-based statement over rows given as columns: name -> (PostgreSQL type, values).

    `{rows}` in the statement becomes a relation `i` with these columns: one statement, whatever the number of rows. A
    column that says the same in every row travels as one value, not as an array: most do, and arrays are what costs.
    A row alone is none but such values: the server then has nothing to unfold and to join.
    No rows, no statement: the clock finds every row of its moment locked by those who move them.
    """
    if not (count := len(next(iter(columns.values()))[1])):
        return ()
    arrays = tuple(count > 1 and (not n or f.count(f[0]) != count) for n, (_, f) in enumerate(columns.values()))
    query = _set_based(statement, tuple((name, kind) for name, (kind, _) in columns.items()), arrays)
    pairs = zip(columns.items(), arrays, strict=True)
    values = {name: _array(kind, found) if array else found[0] for (name, (kind, found)), array in pairs}
    return tx.execute(query, values)


def keys(job_ids: Iterable[UUID]) -> str:
    """Ids as `ANY(%(ids)s::uuid[])` takes them."""
    return _array("uuid", list(job_ids))


def _array(kind: str, values: Sequence[Any]) -> str:
    """PostgreSQL's text form of a one-dimensional array: psycopg looks at each element several times."""
    written = _WRITTEN.get(kind, str)
    return "{" + ",".join(["NULL" if value is None else written(value) for value in values]) + "}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _hex_quoted(value: bytes) -> str:
    return '"\\\\x' + value.hex() + '"'


_WRITTEN: dict[str, Callable[[Any], str]] = {
    "uuid": attrgetter("hex"),
    "text": _quoted,
    "jsonb": _quoted,
    "bytea": _hex_quoted,
}


@lru_cache(maxsize=1024)
def _set_based(statement: str, columns: tuple[tuple[str, str], ...], arrays: tuple[bool, ...]) -> bytes:
    """The statement's text for columns (name, type): of several rows the first is an array, of one none is."""
    named = [(sql.Identifier(name), sql.Placeholder(name), sql.SQL(kind)) for name, kind in columns]
    many = [column for column, array in zip(named, arrays, strict=True) if array]
    each = [
        name if array else sql.SQL("{}::{} AS {}").format(value, kind, name)
        for (name, value, kind), array in zip(named, arrays, strict=True)
    ]
    form = "(SELECT {} FROM unnest({}) AS u({}) OFFSET 0) AS i" if many else "(SELECT {}) AS i"
    rows = sql.SQL(form).format(
        sql.SQL(", ").join(each),
        sql.SQL(", ").join(sql.SQL("{}::{}[]").format(value, kind) for _, value, kind in many),
        sql.SQL(", ").join(name for name, _, _ in many),
    )
    return sql.SQL(statement).format(rows=rows).as_bytes(None)
