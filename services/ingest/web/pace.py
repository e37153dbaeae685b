"""How often one client may ask on the public routes: a bucket that fills evenly, in this process's own memory.

docs/decisions/0020 says why replicas do not share it.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from common.language import mark
from services.ingest.metrics import LIMITED
from services.ingest.web.errors import ApiError, error_response

TOO_FAST = mark("This is going a little fast. Please wait a moment and try again.")
PUBLIC = ("/wp-json/smi/v1/", "/jobs/", "/d/", "/address/", "/shop")
MOST_CLIENTS = 50_000
SITE_BITS = 64  # what one household or one server has of IPv6
COSTS = {
    ("POST", "/wp-json/smi/v1/upload-image"): 10.0,
    ("POST", "/shop/upload"): 10.0,
    ("POST", "/wp-json/smi/v1/create-checkout"): 5.0,
    ("POST", "/wp-json/smi/v1/create-checkout-upload"): 5.0,
}
WISH = 5.0
WISHES = ("/jobs/", "/d/", "/address/", "/shop/")

Network = IPv4Network | IPv6Network


@dataclass(slots=True)
class Bucket:
    """What a client has left, and when that was counted (monotonic seconds)."""

    left: float
    at: float


class Buckets:
    """Each client may ask `per_min` times a minute, as many of them at once. The longest idle client is forgotten."""

    def __init__(self, per_min: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_min = per_min
        self._clock = clock
        self._known: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, client: str, cost: float) -> float:
        """0 when it may go on; else the seconds after which it may."""
        now = self._clock()
        bucket = self._known.pop(client, None) or Bucket(float(self._per_min), now)
        self._known[client] = bucket
        while len(self._known) > MOST_CLIENTS:
            self._known.popitem(last=False)
        bucket.left = min(bucket.left + (now - bucket.at) * self._per_min / 60, float(self._per_min))
        bucket.at = now
        cost = min(cost, float(self._per_min))
        if bucket.left >= cost:
            bucket.left -= cost
            return 0.0
        return (cost - bucket.left) * 60 / self._per_min


class Pace:
    """ASGI middleware: 429 with `Retry-After` for who asks too often. `per_min` 0 switches it off."""

    def __init__(self, app: ASGIApp, per_min: int, proxies: Sequence[Network]) -> None:
        self._app = app
        self._buckets = Buckets(per_min) if per_min else None
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._buckets is None or not scope["path"].startswith(PUBLIC):
            await self._app(scope, receive, send)
            return
        wait_s = self._buckets.take(client_of(scope, self._proxies), cost_of(scope["method"], scope["path"]))
        if not wait_s:
            await self._app(scope, receive, send)
            return
        LIMITED.inc()
        error = ApiError(429, "too_many_requests", TOO_FAST, {"Retry-After": str(int(wait_s) + 1)})
        await error_response(Request(scope), error)(scope, receive, send)


def cost_of(method: str, path: str) -> float:
    """What a request counts for: an upload is decoded, a checkout calls Stripe, a customer's wish may write a mail."""
    wish = WISH if method == "POST" and path.startswith(WISHES) else 1.0
    return COSTS.get((method, path.rstrip("/")), wish)


def client_of(scope: Scope, proxies: Sequence[Network]) -> str:
    """Who asks: the peer, or, behind our own proxies, the last address in `X-Forwarded-For` that is not one of them.

    What stands before it was written by the client and proves nothing. An IPv6 client is its /64.
    """
    peer = scope["client"][0] if scope.get("client") else ""
    hops = [hop.strip() for hop in Headers(scope=scope).get("x-forwarded-for", "").split(",") if hop.strip()]
    for hop in [peer, *reversed(hops)]:
        if not _is_ours(hop, proxies):
            return _site(hop)
    return _site(peer)


def _is_ours(address: str, proxies: Sequence[Network]) -> bool:
    try:
        known = ip_address(address)
    except ValueError:
        return False
    return any(known in network for network in proxies)


def _site(address: str) -> str:
    try:
        known = ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(known, IPv6Address) and not known.ipv4_mapped:
        return str(IPv6Network((known, SITE_BITS), strict=False))
    return str(getattr(known, "ipv4_mapped", None) or known)
