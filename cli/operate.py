"""Commands for a running installation: they read its settings from the environment or `.env`."""

import csv
from pathlib import Path
from typing import Annotated

import typer

from common.database import Database, DatabaseAwayError, migrate
from common.settings import DatabaseSettings, load
from services.ingest.catalogue import CatalogueError, import_pictures


def migrate_database() -> None:
    """Bring the database's schema up to date."""
    try:
        names = migrate(load(DatabaseSettings).database_url)
    except DatabaseAwayError as error:
        typer.echo(f"The database cannot be reached: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"applied {', '.join(names)}" if names else "the schema is up to date")


def pictures(
    table: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="CSV: attachment_id,source_url,width,height")
    ],
) -> None:
    """Import the catalogue of pictures that are sold, replacing those with the same attachment_id."""
    database = Database(load(DatabaseSettings).database_url)
    database.open()
    try:
        with table.open(newline="", encoding="utf-8") as lines, database.transaction() as tx:
            count = import_pictures(tx, csv.DictReader(lines))
    except CatalogueError as error:
        typer.echo(f"{table}: {error}. Nothing was imported.", err=True)
        raise typer.Exit(1) from error
    except DatabaseAwayError as error:
        typer.echo(f"The database cannot be reached: {error}. Nothing was imported.", err=True)
        raise typer.Exit(1) from error
    finally:
        database.close()
    typer.echo(f"imported {count} pictures")
