"""A PostgreSQL server that we may make databases on, however it runs."""

from abc import abstractmethod
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from local.server import Server


class Database(Server):
    """Databases on it, which may be copies of each other."""

    NAME, READY_S = "PostgreSQL", 30.0

    @abstractmethod
    def database_url(self, name: str) -> str: ...

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
