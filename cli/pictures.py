"""`./enlarger pictures`: the catalogue of what is sold, from a table, from a folder, or from a WordPress site."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from pydantic_core import to_json
from rich.console import Console

from cli.office import AWAY, REFUSED, Json, end
from cli.rows import connected
from common.database import DatabaseAwayError, Transaction
from common.pictures.examiner import ExaminerError, Eyes
from common.pictures.facts import JPEG, PNG, WEBP, Look, Unfit
from common.pictures.settings import PictureSettings
from common.settings import DatabaseSettings, load
from services.ingest.selling.catalogue import CatalogueError, import_pictures, numbered
from services.ingest.selling.wordpress import MediaAwayError, WordPress

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
MOST_MEGAPIXELS = 1000.0
Rows = Sequence[Mapping[str, Any]]


def pictures(
    source: Annotated[
        str,
        typer.Argument(
            help="A CSV file (attachment_id,source_url,width,height and, for the shop page, title,thumbnail_url), "
            "a folder of pictures, or the address of a WordPress site.",
            show_default=False,
        ),
    ],
    *,
    base_url: Annotated[
        str, typer.Option(help="With a folder: the address at which it is served.", show_default=False)
    ] = "",
    only: Annotated[bool, typer.Option(help="What is not in it any more is not for sale any more.")] = False,
    json: Json = False,
) -> None:
    """Import the pictures that are sold, replacing those that are known."""
    try:
        with connected(load(DatabaseSettings).database_url) as database:
            rows = _rows(source, base_url)
            with database.transaction() as tx:
                count = _import(tx, source, rows, only=only)
    except (CatalogueError, MediaAwayError, OSError) as error:
        end(json, "unusable", f"{source}: {error}.", "Nothing was imported.", REFUSED)
    except DatabaseAwayError as error:
        end(json, "database_away", f"{error} (DATABASE_URL)", "Nothing was imported: PostgreSQL is away.", AWAY)
    typer.echo(to_json({"success": True, "imported": count}) if json else f"imported {count} pictures")


def _rows(source: str, base_url: str) -> Rows:
    """What there is to import, read before the database is asked for anything."""
    if source.startswith(("http://", "https://")):
        return [listed.row() for listed in WordPress(source.rstrip("/")).library()]
    path = Path(source)
    if path.is_dir():
        if not base_url.startswith(("http://", "https://")):
            raise CatalogueError("a folder needs --base-url, the address at which it is served")
        return _of_folder(path, base_url.rstrip("/"))
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def _import(tx: Transaction, source: str, rows: Rows, *, only: bool) -> int:
    if source.startswith(("http://", "https://")):
        return import_pictures(tx, rows, origin="wordpress", only=only)
    if Path(source).is_dir():
        ids = numbered(tx, [row["source_url"] for row in rows])
        rows = [{**row, "attachment_id": ids[row["source_url"]]} for row in rows]
    return import_pictures(tx, rows, only=only)


def _of_folder(folder: Path, base_url: str) -> Rows:
    """Each picture is looked at in a process of its own, as an upload would be; what is none is named and left out."""
    eyes, console, found = Eyes(PictureSettings().bounds), Console(stderr=True, highlight=False), []
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file()):
        name = path.relative_to(folder)
        try:
            seen = eyes.look(Look(str(path), (JPEG, PNG, WEBP), MOST_MEGAPIXELS, MOST_MEGAPIXELS))
        except ExaminerError as error:
            raise CatalogueError(f"{name}: {error}") from error
        if isinstance(seen, Unfit):
            console.print(f"[yellow]![/] {name} is left out: {seen.measured}")
            continue
        title = path.stem.replace("-", " ").replace("_", " ").strip()
        url = f"{base_url}/{quote(name.as_posix())}"
        found.append({"source_url": url, "width": seen.width, "height": seen.height, "title": title})
    return found
