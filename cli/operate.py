"""Commands for a running installation: they read its settings from the environment or `.env`."""

import typer
from pydantic_core import to_json

from cli.office import AWAY, Json, end
from common.database import DatabaseAwayError
from common.schema import migrate
from common.settings import DatabaseSettings, load


def migrate_database(*, json: Json = False) -> None:
    """Bring the database's schema up to date."""
    try:
        names = migrate(load(DatabaseSettings).database_url)
    except DatabaseAwayError as error:
        end(json, "database_away", f"{error} (DATABASE_URL)", "The schema was not brought up to date.", AWAY)
    told = f"applied {', '.join(names)}" if names else "the schema is up to date"
    typer.echo(to_json({"success": True, "applied": names}) if json else told)
