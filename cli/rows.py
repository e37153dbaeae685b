"""For commands that read rows: a database for the length of a command, and errors for people."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from common.database import Database


@contextmanager
def connected(database_url: str) -> Iterator[Database]:
    database = Database(database_url, max_size=2)
    database.open()
    try:
        yield database
    finally:
        database.close()


def fail(message: str, code: int = 1) -> typer.Exit:
    """Tell what is wrong; raise what this answers."""
    typer.echo(message, err=True)
    return typer.Exit(code)
