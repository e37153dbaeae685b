"""How long a request's body may be, whatever its Content-Length says."""

from fastapi import HTTPException  # its own class: FastAPI lets only that one pass while it reads a body
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UPLOAD_BYTES = 10 * 1024 * 1024
HANDED_BYTES = 1_500_000_000  # what MAX_RESULT_BYTES is by default: the finisher looks at the setting itself
WEBHOOK_BYTES = 1_000_000
FORM_BYTES = 64 * 1024
MULTIPART_BYTES = 16 * 1024  # what a form adds around its file


def limit_of(path: str) -> tuple[int, str]:
    """The most bytes that this path takes, and what is said about more."""
    if path == "/wp-json/smi/v1/upload-image":
        return UPLOAD_BYTES + MULTIPART_BYTES, "This file is larger than 10 MB. Please send a smaller one."
    if path.startswith("/admin/api/jobs/") and path.endswith("/complete"):
        return HANDED_BYTES + MULTIPART_BYTES, "This picture is larger than is taken here."
    if path.startswith("/smi-webhook/"):
        return WEBHOOK_BYTES, "At most 1 MB is taken here."
    return FORM_BYTES, "This request is too long."


class BodyLimit:
    """ASGI middleware: a body past its limit ends the request with 413, before it is read or kept."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most, message = limit_of(scope["path"])
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        taken = int(announced) if announced.isdigit() and int(announced) > most else 0

        async def bounded() -> Message:
            nonlocal taken
            if taken > most:
                raise HTTPException(413, message)
            event = await receive()
            taken += len(event.get("body", b""))
            if taken > most:
                raise HTTPException(413, message)
            return event

        await self._app(scope, bounded, send)
