"""The connections that lanes keep between their decisions, of a pool that they share with others."""

import threading
import time
from functools import cached_property

import psycopg
from psycopg import abc, adapt
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

FRESH_S = 1.0
KEPT_S = 600.0  # then the pool looks how old it is


class Served(psycopg.Connection[TupleRow]):
    """A pooled connection. `served_at`, `taken_at`: monotonic seconds at which it last committed, and was taken to be
    kept. `held`: the guard's last word about its server. `conversions` have learnt which its statements need.
    """

    served_at = 0.0
    taken_at = 0.0
    held = False

    @cached_property
    def conversions(self) -> abc.Transformer:
        return adapt.Transformer(self)

    @property
    def rested(self) -> bool:
        """It has not just proved that it lives."""
        return time.monotonic() - self.served_at > FRESH_S

    @property
    def due_back(self) -> bool:
        """The pool is to have it back, and to look how it is."""
        return self.rested or time.monotonic() - self.taken_at > KEPT_S


class Kept:
    """While there is work lanes keep what they decided on, and the last one that was kept is taken first: a server
    process that has just done the same is quicker than the one whose turn it is (docs/decisions/0035). At most `most`
    are kept, and none that rested.
    """

    def __init__(self, pool: ConnectionPool[Served], most: int) -> None:
        self._pool = pool
        self._most = most
        self._kept: list[Served] = []
        self._turn = threading.Lock()

    def take(self) -> Served:
        """The last one that was kept, or one of the pool's: to be given to `keep`, or back to the pool."""
        with self._turn:
            kept = self._kept.pop() if self._kept else None
        if kept and not kept.due_back:
            return kept
        if kept:
            self._pool.putconn(kept)
            self.give_back_rested()
        connection = self._pool.getconn()
        connection.taken_at = time.monotonic()
        return connection

    def keep(self, connection: Served) -> None:
        """It is in order. Back to the pool it goes where there is no room."""
        with self._turn:
            if len(self._kept) < self._most and not self._pool.closed:
                self._kept.append(connection)
                return
        self._pool.putconn(connection)

    def give_back_rested(self) -> None:
        """Whoever kept them: a lane may have nothing to do for hours, and who else needs one has only the pool."""
        with self._turn:
            due = [c for c in self._kept if c.due_back]
            if due:
                self._kept = [c for c in self._kept if c not in due]
        for connection in due:
            self._pool.putconn(connection)

    def close(self) -> None:
        """After the pool was closed: then nobody keeps one any more."""
        with self._turn:
            connections, self._kept = self._kept, []
        for connection in connections:
            connection.close()
