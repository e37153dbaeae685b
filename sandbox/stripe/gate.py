"""What every call of Stripe's API passes: the log, the key check, faults and idempotency keys."""

import asyncio
import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from sandbox.serving import BrokenOff, disconnected
from sandbox.stripe.desk import bites, call_of, desk_of
from sandbox.stripe.form import decode
from sandbox.stripe.keys import Asked, Saved
from sandbox.stripe.refusals import Refusal

Endpoint = Callable[[Request], Awaitable[Response]]

_BROKEN = Refusal(500, "An unexpected error occurred. We have been notified of the problem.", type="api_error")
_TOO_MANY = Refusal(429, "Request rate limit exceeded.", "rate_limit", saved=False)
_CONFLICT = Refusal(409, "Another in-progress request uses this Idempotent Key.", "idempotency_key_in_use", saved=False)


class StripeRoute(APIRoute):
    """A route of Stripe's API. Its endpoint finds the decoded parameters in `request.state.params`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        endpoint = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await through(request, endpoint)

        return handle


class Silence(BrokenOff):
    """Says nothing for `seconds`, or until the caller gives up, then hangs up."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Cancelled: the stand-in is stopping. It hangs up then, too, instead of answering after all.
        with suppress(TimeoutError, asyncio.CancelledError):
            await asyncio.wait_for(disconnected(receive), self._seconds)
            return
        await super().__call__(scope, receive, send)


def refused(refusal: Refusal) -> Response:
    return JSONResponse(refusal.body(), refusal.status)


async def through(request: Request, endpoint: Endpoint) -> Response:
    desk, raw = desk_of(request), (await request.body()).decode()
    query = request.url.query
    request.state.params = decode(parse_qsl(raw or query, keep_blank_values=True))
    request.state.text = "\n".join((request.url.path, raw, unquote_plus(raw), unquote_plus(query)))
    call = desk.calls.begin(
        request.method, request.url.path, request.headers.get("Idempotency-Key"), request.state.params
    )
    call.traceparent = request.headers.get("traceparent")
    request.state.call = call
    try:
        response = await _admitted(request, endpoint)
    except Refusal as refusal:
        response = refused(refusal)
    except asyncio.CancelledError:  # the stand-in is stopping in the middle of a slow call
        response = BrokenOff()
    call.status = None if isinstance(response, BrokenOff) else response.status_code
    response.headers["Request-Id"] = call.request_id
    if call.key:
        response.headers["Idempotency-Key"] = call.key
    return response


async def _admitted(request: Request, endpoint: Endpoint) -> Response:
    _authorize(request)
    if bites(request, "refuse_before"):
        return BrokenOff()
    if bites(request, "http_429"):
        raise _TOO_MANY
    if bites(request, "http_409"):
        raise _CONFLICT
    response = await _once_per_key(request, endpoint)
    if not call_of(request).replayed and (silence := bites(request, "timeout_after_accept")):
        return Silence(silence.lasting(30))
    return response


def _authorize(request: Request) -> None:
    given = _api_key(request.headers.get("Authorization", ""))
    if not given:
        raise Refusal(401, "You did not provide an API key. Use 'Authorization: Bearer YOUR_SECRET_KEY'.")
    expected = desk_of(request).settings.api_key.get_secret_value()
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise Refusal(401, f"Invalid API Key provided: {given[:8]}****")


def _api_key(header: str) -> str:
    """Bearer, or Basic with the key as the user's name."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(rest, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


async def _once_per_key(request: Request, endpoint: Endpoint) -> Response:
    call, keys = call_of(request), desk_of(request).keys
    if call.key is None or request.method != "POST":
        return await _performed(request, endpoint)
    if saved := keys.begin(call.key, Asked(call.method, call.path, call.params)):
        call.replayed = True
        headers = {"Idempotent-Replayed": "true", "Original-Request": saved.request_id}
        return Response(saved.body, saved.status, headers, "application/json")
    try:
        response = await _performed(request, endpoint)
    except BaseException:
        keys.release(call.key)
        raise
    keys.save(call.key, Saved(response.status_code, bytes(response.body), call.request_id))
    return response


async def _performed(request: Request, endpoint: Endpoint) -> Response:
    """The effect itself. Refusals that Stripe would keep under the key come back as answers."""
    if slow := bites(request, "slow"):
        await asyncio.sleep(slow.lasting(5))
    broken = bites(request, "http_500")
    if broken and not broken.extra.get("effect"):
        return _failure()
    try:
        response = await endpoint(request)
    except Refusal as refusal:
        if not refusal.saved:
            raise
        response = refused(refusal)
    return _failure() if broken else response


def _failure() -> Response:
    """Stripe asks not to retry what it would only replay; stripe-python obeys this header."""
    response = refused(_BROKEN)
    response.headers["Stripe-Should-Retry"] = "false"
    return response
