"""Commands for a running installation: they read its settings from the environment or `.env`."""

import typer

from common.database import DatabaseAwayError, migrate
from common.settings import DatabaseSettings, load


def migrate_database() -> None:
    """Bring the database's schema up to date."""
    try:
        names = migrate(load(DatabaseSettings).database_url)
    except DatabaseAwayError as error:
        typer.echo(f"The database cannot be reached: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"applied {', '.join(names)}" if names else "the schema is up to date")
