"""How long a request's body may be, whatever its Content-Length says, and how long it may take to come."""

import asyncio
import time

from fastapi import HTTPException  # its own class: FastAPI lets only that one pass while it reads a body
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.language import mark
from services.ingest.metrics import SLOW

TOO_SLOW = mark("Your connection is too slow just now: the request did not arrive in time. Please try again.")
UPLOAD_BYTES = 10 * 1024 * 1024
HANDED_BYTES = 1_500_000_000  # what MAX_RESULT_BYTES is by default: the finisher looks at the setting itself
WEBHOOK_BYTES = 1_000_000
FORM_BYTES = 64 * 1024
SLOWEST_BYTES_PER_S = 8_000  # 64 kbit/s: an upload of 10 MB may take 22 minutes
MULTIPART_BYTES = 16 * 1024  # what a form adds around its file


def limit_of(path: str) -> tuple[int, str]:
    """The most bytes that this path takes, and what is said about more."""
    if path in {"/wp-json/smi/v1/upload-image", "/shop/upload"}:
        return UPLOAD_BYTES + MULTIPART_BYTES, mark("This file is larger than 10 MB. Please send a smaller one.")
    if path.startswith(("/admin/api/jobs/", "/admin/jobs/")) and path.endswith("/complete"):
        return HANDED_BYTES + MULTIPART_BYTES, "This picture is larger than is taken here."
    if path.startswith("/smi-webhook/"):
        return WEBHOOK_BYTES, "At most 1 MB is taken here."
    return FORM_BYTES, mark("This request is too long.")


class BodyLimit:
    """ASGI middleware: a body past its limit ends the request with 413, before it is read or kept; 408 if it drips."""

    def __init__(self, app: ASGIApp, patience_s: float) -> None:
        self._app = app
        self._patience_s = patience_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most, message = limit_of(scope["path"])
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        taken = int(announced) if announced.isdigit() and int(announced) > most else 0
        began, coming = time.monotonic(), True

        async def bounded() -> Message:
            nonlocal taken, coming
            if taken > most:
                raise HTTPException(413, message)
            event = await (self._soon(receive, began, taken) if coming else receive())
            taken += len(event.get("body", b""))
            if taken > most:
                raise HTTPException(413, message)
            coming = bool(event.get("more_body", False))
            return event

        await self._app(scope, bounded, send)

    async def _soon(self, receive: Receive, began: float, taken: int) -> Message:
        """The next part of a body that is still coming."""
        left_s = 2 * self._patience_s + taken / SLOWEST_BYTES_PER_S - (time.monotonic() - began)
        try:
            async with asyncio.timeout(min(self._patience_s, max(left_s, 0.0))):
                return await receive()
        except TimeoutError:
            SLOW.labels("body").inc()
            raise HTTPException(408, TOO_SLOW, {"Connection": "close"}) from None
