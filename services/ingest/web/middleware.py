"""What every answer has: security headers, a place in the metrics, and our shape even when the unexpected happens."""

import time

import structlog
from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common import tracing
from common.language import mark
from services.ingest.metrics import REQUEST_SECONDS, REQUESTS
from services.ingest.web.errors import ApiError, error_response

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}
WENT_WRONG = mark("Something went wrong on our side. Please try again in a moment.")
METHODS = {"GET", "HEAD", "POST", "OPTIONS"}

log = structlog.get_logger()


class Observed:
    """ASGI middleware, inside CORS: an unexpected error is a 500 of our shape that the shop's page may read.

    Lines and metrics name the route, never the path: paths hold tickets and tokens.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 0
        caller = Headers(scope=scope).get("traceparent")
        own = tracing.begun(caller)
        tracing.current.set(own)  # each request has a context of its own

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception:
            log.exception("http.crashed", route=_route(scope))
            if status:
                raise  # the answer has begun: cutting it off is all that is left
            error = ApiError(500, "internal_error", WENT_WRONG)
            await error_response(Request(scope), error)(scope, receive, noted)
        finally:
            _note(scope, status, time.monotonic() - began)
            if tracing.exporting():
                about = {"http.route": _route(scope), "http.response.status_code": str(status)}
                tracing.span(f"{scope['method']} {_route(scope)}", own, caller, time.monotonic() - began, about)


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", "unmatched"))


def _note(scope: Scope, status: int, seconds: float) -> None:
    method = scope["method"] if scope["method"] in METHODS else "other"
    REQUESTS.labels(method, _route(scope), str(status)).inc()
    REQUEST_SECONDS.labels(_route(scope)).observe(seconds)
    log.debug("http.answered", method=method, route=_route(scope), status=status, seconds=round(seconds, 4))
