"""Serving a stored file: whole or one range, streamed, never cached, never sniffed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from services.ingest.edge import Parts
from services.ingest.web.ranges import Part, Unsatisfiable, parse


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What the row says of a file. `name`: as what it is saved; without, it is shown as it is."""

    key: str
    size: int
    media_type: str
    sha256: str | None = None
    name: str | None = None


def serve(
    edge: Parts, request: Request, file: StoredFile, on_sent: Callable[[int, bool], None] = lambda _sent, _last: None
) -> Response:
    """Answer GET or HEAD. `on_sent(bytes, last)` runs once all was sent; `last`: the file's last byte was among it."""
    etag = f'"{file.sha256}"' if file.sha256 else ""
    part = parse(request.headers.get("range"), file.size, request.headers.get("if-range"), etag)
    headers = _headers(file, etag)
    if isinstance(part, Unsatisfiable):
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{file.size}"})
    status = 200
    start, end = 0, file.size
    if isinstance(part, Part):
        status, start, end = 206, part.start, part.end
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
    headers["Content-Length"] = str(end - start)
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=file.media_type)
    chunks = edge.storage.read(file.key, start, end).chunks

    def body() -> Iterator[bytes]:
        yield from chunks
        on_sent(end - start, end == file.size)

    return StreamingResponse(body(), status, headers, file.media_type)


def _headers(file: StoredFile, etag: str) -> dict[str, str]:
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "private, no-store"}
    if etag:
        headers["ETag"] = etag
    if file.name:
        headers["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return headers
