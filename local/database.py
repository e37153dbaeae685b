"""A PostgreSQL server that we may make databases on, however it runs."""

from abc import ABC, abstractmethod
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from local.processes import Process, await_condition

READY_S = 30.0


class Database(ABC):
    """`start`, `stop` and `kill` may follow each other in any order; port, password and data stay."""

    process: Process | None = None

    def __init__(self) -> None:
        self.version = ""

    @property
    @abstractmethod
    def url(self) -> str:
        """A database that is ready for use."""

    @abstractmethod
    def database_url(self, name: str) -> str: ...

    @abstractmethod
    def launch(self) -> None:
        """Starts it without waiting for it."""

    @abstractmethod
    def stop(self) -> None:
        """PostgreSQL's fast shutdown: ends every connection, writes everything down."""

    @abstractmethod
    def kill(self) -> None:
        """SIGKILL."""

    @abstractmethod
    def close(self) -> None:
        """Ends it for good, at once."""

    def start(self) -> None:
        self.launch()
        self.wait_ready()

    def wait_ready(self) -> None:
        await_condition(self._answers, READY_S, "PostgreSQL to accept connections", self.process)

    def createdb(self, name: str, template: str | None = None) -> str:
        """Makes a database, as a copy of `template` (which nobody may be connected to) if given; its URL."""
        source = sql.Identifier(template or "template0")
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), source))
        return self.database_url(name)

    def dropdb(self, name: str) -> None:
        """Drops a database, connected or not, if it is there."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _answers(self) -> bool:
        try:
            ((version,),) = self._query("SELECT current_setting('server_version')")
        except psycopg.OperationalError:
            return False
        self.version = str(version).split()[0]
        return True

    def _query(self, statement: LiteralString, *values: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self._maintenance(), autocommit=True) as connection:
            return connection.execute(statement, values).fetchall()

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._maintenance(), autocommit=True) as connection:
            connection.execute(statement)

    def _maintenance(self) -> str:
        return make_conninfo(self.database_url("postgres"), connect_timeout=5)
