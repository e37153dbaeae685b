"""Who knows ADMIN_TOKEN may pass: compared in constant time, and whoever guesses is soon not listened to any more."""

import hmac
import threading
import time
from collections import OrderedDict
from typing import Annotated

from fastapi import Header, Request

from services.ingest.edge import Edge
from services.ingest.metrics import BAD_TOKENS
from services.ingest.web.errors import ApiError
from services.ingest.web.pace import client_of

FAILURES, WITHIN_S = 30, 60.0
MOST_CLIENTS = 10_000


class Guesses:
    """Wrong tokens by client: at most `failures` in `WITHIN_S` seconds. It remembers the latest clients only."""

    def __init__(self, failures: int = FAILURES) -> None:
        self._failures = failures
        self._lock = threading.Lock()
        self._by_client: OrderedDict[str, tuple[int, float]] = OrderedDict()  # count, monotonic second of the first

    def wait_s(self, client: str) -> float:
        """Seconds until this client is listened to again; 0 when it is."""
        with self._lock:
            count, since = self._by_client.get(client, (0, 0.0))
            left_s = since + WITHIN_S - time.monotonic()
            return left_s if count >= self._failures and left_s > 0 else 0.0

    def wrong(self, client: str) -> None:
        with self._lock:
            now = time.monotonic()
            count, since = self._by_client.pop(client, (0, now))
            self._by_client[client] = (1, now) if now - since > WITHIN_S else (count + 1, since)
            if len(self._by_client) > MOST_CLIENTS:
                self._by_client.popitem(last=False)


_guesses = Guesses()


def merchant(edge: Edge, request: Request, authorization: Annotated[str, Header()] = "") -> None:
    """Only who knows ADMIN_TOKEN passes. Raises ApiError 401, or 429 after too many wrong ones."""
    client = client_of(request.scope, edge.settings.trusted_proxies)
    wait_s = _guesses.wait_s(client)
    if wait_s:
        headers = {"Retry-After": str(int(wait_s) + 1)}
        raise ApiError(
            429, "too_many_failures", "Too many wrong tokens came from this address. Wait a minute.", headers
        )
    token = edge.settings.admin_token
    expected = f"Bearer {token.get_secret_value()}" if token else ""
    if not expected or not hmac.compare_digest(authorization.encode(), expected.encode()):
        _guesses.wrong(client)
        BAD_TOKENS.inc()
        raise ApiError(401, "unauthorized", "This needs the bearer token of the shop.", {"WWW-Authenticate": "Bearer"})
