"""The image catalogue: rows imported by the operator, or remembered from WordPress's media route for an hour."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import structlog
from psycopg.rows import class_row
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from common.database import Transaction, unnest
from common.language import Told, mark
from services.ingest.edge import Parts
from services.ingest.selling.wordpress import MediaAwayError
from services.ingest.web.errors import ApiError

FRESH_S = 3600.0
NO_PICTURE = mark("There is no picture %(number)s for sale here.")
NOT_FOR_SALE = mark("This picture cannot be ordered: its address is not one of ours.")
SHOP_AWAY = mark("The shop does not answer just now. Please try again.")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture for sale: its address, and its size in pixels."""

    source_url: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Known(Picture):
    """A catalogue row. `stale`: WordPress may say something else by now."""

    stale: bool


def _none_if_empty(value: object) -> object:
    return (value.strip() or None) if isinstance(value, str) else value


Url = Annotated[str, Field(pattern=r"^https?://\S+$", max_length=4096)]
Title = Annotated[Annotated[str, Field(max_length=200)] | None, BeforeValidator(_none_if_empty)]


class Row(BaseModel):
    """One line of the operator's file; title and thumbnail are for the shop's page, and may be left out."""

    attachment_id: int = Field(gt=0)
    source_url: Url
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    title: Title = None
    thumbnail_url: Annotated[Url | None, BeforeValidator(_none_if_empty)] = None


class CatalogueError(ValueError):
    """A line of the operator's file is wrong; the text says which and why."""


def find(edge: Parts, attachment_id: int) -> Picture:
    """The picture of an attachment id. Raises ApiError: 404 unknown, 403 not ours to sell, 503 WordPress is away."""
    picture = _look_up(edge, attachment_id)
    if picture is None:
        raise ApiError(404, "unknown_picture", Told(NO_PICTURE, {"number": attachment_id}))
    if not edge.sources.lists(picture.source_url):
        hint = "its host must be in SOURCE_HOSTS; without https on port 443 in OUTBOUND_ALLOW too"
        log.error("picture.host_not_listed", attachment_id=attachment_id, hint=hint)
        raise ApiError(403, "picture_not_for_sale", NOT_FOR_SALE)
    return picture


def import_pictures(
    tx: Transaction, rows: Iterable[Mapping[str, Any]], *, origin: str = "imported", only: bool = False
) -> int:
    """Import rows (attachment_id, source_url, width, height, title, thumbnail_url); returns how many.

    Known ones are replaced. `only`: what was imported before and is not among them is not for sale any more.
    Raises CatalogueError naming the line, counted from 2 as a file with a heading counts; then nothing is imported.
    """
    parsed = {row.attachment_id: row for row in (_parsed(number, line) for number, line in enumerate(rows, 2))}
    if only:
        tx.execute(
            "DELETE FROM pictures WHERE origin = %(origin)s AND attachment_id <> ALL(%(kept)s)",
            {"origin": origin, "kept": list(parsed)},
        )
    unnest(
        tx,
        """INSERT INTO pictures (attachment_id, source_url, width, height, origin, title, thumbnail_url)
           SELECT i.attachment_id, i.source_url, i.width, i.height, i.origin, i.title, i.thumbnail_url FROM {rows}
           ON CONFLICT (attachment_id) DO UPDATE SET source_url = excluded.source_url, width = excluded.width,
               height = excluded.height, origin = excluded.origin, title = excluded.title,
               thumbnail_url = excluded.thumbnail_url, fetched_at = now()""",
        {
            "attachment_id": ("bigint", [row.attachment_id for row in parsed.values()]),
            "source_url": ("text", [row.source_url for row in parsed.values()]),
            "width": ("int", [row.width for row in parsed.values()]),
            "height": ("int", [row.height for row in parsed.values()]),
            "origin": ("text", [origin] * len(parsed)),
            "title": ("text", [row.title for row in parsed.values()]),
            "thumbnail_url": ("text", [row.thumbnail_url for row in parsed.values()]),
        },
    )
    return len(parsed)


def _parsed(number: int, row: Mapping[str, str]) -> Row:
    try:
        return Row.model_validate(row)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(map(str, problem["loc"]))
        raise CatalogueError(f"line {number}: {where}: {problem['msg']}") from error


def _look_up(edge: Parts, attachment_id: int) -> Picture | None:
    with edge.database.transaction() as tx:
        known = _row(tx, attachment_id)
    if (known and not known.stale) or edge.wordpress is None:
        return known
    try:
        media = edge.wordpress.media(attachment_id)
    except MediaAwayError as error:
        log.warning("wordpress.away", error=str(error))
        if known:
            return known
        raise ApiError(503, "shop_unreachable", SHOP_AWAY) from error
    if media is None:
        _vanished(edge, attachment_id)
        return None
    picture = Picture(media.source_url, media.media_details.width, media.media_details.height)
    with edge.database.transaction() as tx:
        _remember(tx, attachment_id, picture)
    return picture


def numbered(tx: Transaction, urls: Sequence[str]) -> dict[str, int]:
    """An attachment id for each picture of a folder: the one that it has already, else the next free one."""
    rows = tx.execute("SELECT source_url, attachment_id FROM pictures WHERE source_url = ANY(%(u)s)", {"u": list(urls)})
    known: dict[str, int] = {url: int(number) for url, number in rows}
    row = tx.execute("SELECT COALESCE(max(attachment_id), 0) FROM pictures").fetchone()
    free = itertools.count(int(row[0] if row else 0) + 1)
    return {url: known[url] if url in known else next(free) for url in urls}


def _vanished(edge: Parts, attachment_id: int) -> None:
    """WordPress has it no more: it is not shown for sale. What the operator imported is the operator's to remove."""
    with edge.database.transaction() as tx:
        tx.execute("DELETE FROM pictures WHERE attachment_id = %(id)s AND origin = 'wordpress'", {"id": attachment_id})


def _row(tx: Transaction, attachment_id: int) -> Known | None:
    return (
        tx.cursor(row_factory=class_row(Known))
        .execute(
            """SELECT source_url, width, height,
                      origin = 'wordpress' AND fetched_at < now() - make_interval(secs => %(fresh_s)s) AS stale
               FROM pictures WHERE attachment_id = %(id)s""",
            {"id": attachment_id, "fresh_s": FRESH_S},
        )
        .fetchone()
    )


def _remember(tx: Transaction, attachment_id: int, picture: Picture) -> None:
    """An imported row, if the operator made one meanwhile, stays."""
    tx.execute(
        """INSERT INTO pictures AS p (attachment_id, source_url, width, height, origin)
           VALUES (%(id)s, %(url)s, %(width)s, %(height)s, 'wordpress')
           ON CONFLICT (attachment_id) DO UPDATE SET source_url = excluded.source_url, width = excluded.width,
               height = excluded.height, fetched_at = now()
           WHERE p.origin = 'wordpress'""",
        {"id": attachment_id, "url": picture.source_url, "width": picture.width, "height": picture.height},
    )
