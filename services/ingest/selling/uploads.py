"""The customer's own picture: taken, looked at, stored; and handed to the provider by a signed address."""

import secrets
import time
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import APIRouter, File, Request, Response, UploadFile
from psycopg.rows import class_row

from common.language import Told, mark
from services.ingest.edge import Edge, Parts
from services.ingest.metrics import UPLOADS
from services.ingest.selling import pictures
from services.ingest.selling.prices import pricing
from services.ingest.web.answers import PICTURE, Uploaded, refusals
from services.ingest.web.errors import ApiError
from services.ingest.web.files import StoredFile, serve
from services.ingest.web.limits import UPLOAD_BYTES

MEGABYTE = 1_000_000
FULL_AGAIN_S = 3600

router = APIRouter()
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Upload:
    """A stored upload; `old`: its time is over."""

    file_key: str
    media_type: str
    width: int
    height: int
    file_size: int
    old: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """An upload that is stored; `size` in bytes, `offers` in the plugin's words."""

    upload_id: str
    width: int
    height: int
    size: int
    offers: dict[str, Any]


@router.post("/wp-json/smi/v1/upload-image", tags=["shop"], response_model=Uploaded, responses=refusals(422))
def upload_image(edge: Edge, image: Annotated[UploadFile, File()]) -> dict[str, Any]:
    """Take a JPEG, PNG or WebP picture of at most 10 MB and price it."""
    taken = take(edge, image)
    return {
        "success": True,
        "upload_id": taken.upload_id,
        "pricing": taken.offers,
        "image_info": {"width": taken.width, "height": taken.height, "file_size": taken.size},
    }


def take(edge: Parts, image: UploadFile) -> Taken:
    """Look at the picture, price it and store it. Raises ApiError 413, 422, 503."""
    size = image.size or 0
    if size > UPLOAD_BYTES:
        raise ApiError(413, "content_too_large", TOO_LARGE)
    if _taken_bytes(edge) + size > edge.settings.uploads_max_mb * MEGABYTE:
        UPLOADS.labels("full").inc()
        log.error("uploads.full", setting="UPLOADS_MAX_MB", megabytes=edge.settings.uploads_max_mb)
        raise ApiError(503, "uploads_full", FULL, {"Retry-After": str(FULL_AGAIN_S)})
    looked = edge.viewer.look(image.file)
    if isinstance(looked, pictures.Unfit):
        UPLOADS.labels("unfit").inc()
        raise ApiError(422, "unfit_picture", looked.why)
    offers = pricing(edge, looked.width, looked.height)
    upload_id = f"up_{secrets.token_urlsafe(16)}"
    with edge.database.transaction() as tx:
        tx.execute(
            """INSERT INTO uploads (upload_id, file_key, media_type, width, height, file_size)
               VALUES (%(id)s, %(key)s, %(type)s, %(width)s, %(height)s, %(size)s)""",
            {"id": upload_id, "key": f"uploads/{upload_id}", "type": looked.media_type, "width": looked.width,
             "height": looked.height, "size": size},
        )  # fmt: skip
    image.file.seek(0)
    edge.storage.write(f"uploads/{upload_id}", image.file)  # after its row: no file is ever there that no row knows
    UPLOADS.labels("taken").inc()
    return Taken(upload_id, looked.width, looked.height, size, offers)


@router.head("/source/{job_id}/{expires}/{signature}", include_in_schema=False)
@router.get(
    "/source/{job_id}/{expires}/{signature}",
    tags=["provider"],
    response_class=Response,
    responses={200: PICTURE, 206: PICTURE, **refusals(403, 404, 410, 416, 422)},
)
def source(edge: Edge, request: Request, job_id: str, expires: str, signature: str) -> Response:
    """The uploaded picture of an order, for the provider, until the signed instant (Unix seconds)."""
    if not edge.signer.verify(signature, "source", job_id, expires):
        raise ApiError(403, "forbidden", "This address is not signed by us.")
    if int(expires) < time.time():
        raise ApiError(410, "gone", "The time of this address is over.")
    upload = _of_job(edge, UUID(job_id))
    if upload is None:
        raise ApiError(404, "not_found", "This order has no uploaded picture.")
    return serve(edge, request, StoredFile(upload.file_key, upload.file_size, upload.media_type))


def find(edge: Parts, upload_id: str) -> Upload:
    """An upload that can still be ordered. Raises ApiError 404."""
    with edge.database.transaction() as tx:
        found = (
            tx.cursor(row_factory=class_row(Upload))
            .execute(
                f"SELECT {_COLUMNS} FROM uploads u WHERE u.upload_id = %(id)s",
                {"id": upload_id, "keep_s": edge.settings.upload_keep_hours * 3600},
            )
            .fetchone()
        )
    if found is None or found.old:
        raise ApiError(404, "unknown_upload", Told(GONE, {"hours": f"{edge.settings.upload_keep_hours:g}"}))
    return found


def _taken_bytes(edge: Parts) -> int:
    """What anybody sent lately and is still there: nobody has paid for most of it."""
    with edge.database.transaction() as tx:
        row = tx.execute(
            """SELECT COALESCE(sum(file_size), 0)::bigint FROM uploads
               WHERE file_gone_at IS NULL AND created_at > now() - make_interval(secs => %s)""",
            [edge.settings.upload_keep_hours * 3600],
        ).fetchone()
    return int(row[0]) if row else 0


def _of_job(edge: Parts, job_id: UUID) -> Upload | None:
    """An order keeps its upload however old it is."""
    with edge.database.transaction() as tx:
        return (
            tx.cursor(row_factory=class_row(Upload))
            .execute(
                f"SELECT {_COLUMNS} FROM uploads u JOIN jobs j USING (upload_id) WHERE j.job_id = %(job)s",
                {"job": job_id, "keep_s": edge.settings.upload_keep_hours * 3600},
            )
            .fetchone()
        )


_COLUMNS = """
    u.file_key, u.media_type, u.width, u.height, u.file_size,
    u.created_at < now() - make_interval(secs => %(keep_s)s) AS old
"""
TOO_LARGE = mark("This file is larger than 10 MB. Please send a smaller one.")
FULL = mark("We have more pictures than we can keep just now. Please try again later.")
GONE = mark("This picture is not here any more: uploads are kept for %(hours)s hours. Please send it again.")
