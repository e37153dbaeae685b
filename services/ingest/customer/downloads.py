"""Download links. Opening one changes nothing, since mail scanners do (trap 45); finished downloads are counted."""

import re
from dataclasses import dataclass
from uuid import UUID

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from psycopg.rows import class_row

from common import disputed
from common.database import DatabaseAwayError
from common.language import mark
from common.signing import hash_token
from services.ingest.customer import opinions, renewals
from services.ingest.customer.pages import veiled
from services.ingest.edge import Edge, Parts
from services.ingest.metrics import DOWNLOAD_BYTES, DOWNLOADS
from services.ingest.web.answers import PAGE, PICTURE, refusals
from services.ingest.web.errors import ApiError
from services.ingest.web.files import StoredFile, serve
from services.ingest.web.pace import client_of
from services.ingest.web.templating import page

TOKEN = re.compile("[0-9a-f]{64}")
WINDOW_S = 3600.0
SIGNED_S = 300.0
SUFFIXES = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/avif": "avif", "image/tiff": "tif"}

router = APIRouter(tags=["customer"])
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Link:
    """A download link with the newest file of its order; file columns are None when there is none."""

    job_id: UUID
    ticket: str
    factor: int
    expires_at: object
    live: bool
    completed: bool
    file_key: str | None
    file_size: int | None
    sha256: str | None
    media_type: str | None
    width: int | None
    height: int | None


@router.head("/wp-json/smi/v1/download/{token}", include_in_schema=False)
@router.get(
    "/wp-json/smi/v1/download/{token}",
    response_class=Response,
    responses={200: PICTURE, 206: PICTURE, **refusals(404, 410, 416, 422, 425)},
)
def download(edge: Edge, request: Request, token: str) -> Response:
    """The finished picture; resumable."""
    link, file = _find(edge, token)

    def on_sent(sent: int, last: bool) -> None:  # noqa: FBT001 - the callback's shape
        DOWNLOAD_BYTES.inc(sent)
        if last:
            _count(edge, token, request)

    log.info("download.begun", job_id=str(link.job_id))
    if edge.settings.s3_delivery == "redirect" and request.method == "GET":
        address = edge.storage.signed_url(file.key, SIGNED_S)
        if address:
            _count(edge, token, request)  # the store serves it: its beginning is all that we see
            return RedirectResponse(address, 307)
    return serve(edge, request, file, on_sent)


@router.head("/d/{token}", include_in_schema=False)
@router.get("/d/{token}", response_class=HTMLResponse, responses=PAGE | refusals(404, 410, 422, 425, page=True))
def download_page(edge: Edge, request: Request, token: str, sent: str = "") -> Response:
    """The page that the mail leads to: what is behind the link, and a button; for an old link, a fresh one by mail."""
    try:
        link, file = _find(edge, token)
    except ApiError as over:
        address = veiled(renewals.address_for(edge, token)) if over.code == "link_expired" else None
        if address is None:
            raise
        return page(request, "expired.html", {"token": token, "address": address, "sent": sent}, over.status)
    with edge.database.transaction() as tx:
        rating = opinions.given(tx, link.ticket)
    url, rate_url = f"/wp-json/smi/v1/download/{token}", f"/d/{token}/rating"
    values = {"link": link, "file": file, "url": url, "rate_url": rate_url, "rating": rating}
    return page(request, "download.html", values)


def _find(edge: Parts, token: str) -> tuple[Link, StoredFile]:
    """Raises ApiError: 400 no token, 404 unknown, 410 over, 425 too early."""
    if not TOKEN.fullmatch(token):
        raise ApiError(400, "malformed_token", mark("This is not a whole download link. Please copy all of it."))
    with edge.database.transaction() as tx:
        link = tx.cursor(row_factory=class_row(Link)).execute(_LINK, {"hash": hash_token(token)}).fetchone()
    if link is None:
        raise ApiError(404, "unknown_link", mark("We do not know this download link."))
    if not link.completed:
        raise ApiError(425, "not_ready", mark("This picture is not ready yet. We write to you when it is."))
    if not link.live or link.file_key is None or link.file_size is None or link.media_type is None:
        raise ApiError(410, "link_expired", mark("The time of this download link is over."))
    name = f"enlarged-{link.factor}x-{link.ticket.removeprefix('tk_')[:8]}.{SUFFIXES.get(link.media_type, 'bin')}"
    return link, StoredFile(link.file_key, link.file_size, link.media_type, link.sha256, name)


def _count(edge: Parts, token: str, request: Request) -> None:
    """Once per client and hour: a browser that fetches it again, or in parts, is one download.

    The bytes are sent already: a database that is away costs the count, not the download.
    """
    client = edge.signer.sign("download-client", client_of(request.scope, edge.settings.trusted_proxies))
    try:
        with edge.database.transaction() as tx:
            tx.execute(_COUNT, {"hash": hash_token(token), "client": bytes.fromhex(client)[:16], "window_s": WINDOW_S})
    except DatabaseAwayError as error:
        log.warning("download.not_counted", error=str(error))
    else:
        DOWNLOADS.inc()


_COUNT = """
    WITH counted AS (
        INSERT INTO downloads (token_hash, client, began)
        VALUES (%(hash)s, %(client)s,
                date_bin(make_interval(secs => %(window_s)s), now(), timestamptz 'epoch'))
        ON CONFLICT DO NOTHING RETURNING token_hash
    )
    UPDATE links SET downloads = downloads + 1, last_download_at = now() FROM counted
    WHERE links.token_hash = counted.token_hash
"""
_LINK = f"""
    SELECT l.job_id, j.ticket, j.factor, l.expires_at, l.expires_at > now() AND l.revoked_at IS NULL
               AND NOT {disputed.freezes("l.job_id")} AS live,
           j.completed_at IS NOT NULL AS completed,
           d.file_key, d.file_size, d.sha256, d.media_type, d.width, d.height
    FROM links l JOIN jobs j USING (job_id)
    LEFT JOIN LATERAL (
        SELECT file_key, file_size, sha256, media_type, width, height FROM deliveries
        WHERE job_id = l.job_id AND stored_at IS NOT NULL AND removed_at IS NULL ORDER BY stored_at DESC LIMIT 1
    ) d ON true
    WHERE l.token_hash = %(hash)s
"""
