"""Sends events as Stripe does: signed, at least once, in no promised order, until a 2xx or three days pass."""

import hashlib
import heapq
import hmac
import itertools
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import requests

from sandbox.faults import Fault, FaultTable
from sandbox.stripe.records import Event
from sandbox.stripe.shapes import render

_SENDERS = 8
_TIMEOUT_S = 20
_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.5, 10.0
_GIVE_UP_S = 3 * 24 * 3600
_HOUR_S = 3600
_DUPLICATES = 5
_SPOILERS = ("webhook_bad_signature", "webhook_old", "webhook_future")


def signature(body: bytes, secret: str, timestamp: int) -> str:
    """The `Stripe-Signature` header (https://docs.stripe.com/webhooks#verify-manually)."""
    mac = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return f"t={timestamp},v1={mac.hexdigest()}"


@dataclass
class Delivery:
    """One copy of one event on its way. `then` are those that wait for its first attempt to be over."""

    event: Event
    body: bytes
    copy: int
    retried: bool = True
    spoilt: Fault | None = None
    tries: int = 0
    started: bool = False
    then: list["Delivery"] = field(default_factory=list)


class WebhookSender:
    """A few threads behind one queue ordered by time. `send` and `resend` return at once."""

    def __init__(self, url: str, secret: str, faults: FaultTable, clock: Callable[[], float]) -> None:
        self._url = url
        self._secret = secret
        self._faults = faults
        self._clock = clock
        self._queue: list[tuple[float, int, Delivery]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._held: list[Delivery] = []
        self._stopping = False

    def start(self) -> None:
        for number in range(_SENDERS):
            # Daemons: a receiver that never answers must not keep the process from ending.
            threading.Thread(target=self._work, name=f"webhook-{number}", daemon=True).start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def send(self, event: Event) -> None:
        if not self._url:
            return
        event.pending_webhooks = 1
        first = self._copy(event)
        event.lost = self._bites("webhook_lost", first) is not None
        if event.lost:
            return
        first.spoilt = self._bites(_SPOILERS, first)
        if reorder := self._bites("webhook_reorder", first):
            self._hold(first, reorder.lasting(5))
            return
        delay = self._bites("webhook_delay", first)
        with self._changed:
            first.then, self._held = self._held, []
        self._push(first, delay.lasting(2) if delay else 0)
        if self._bites("webhook_duplicate", first):
            for _ in range(_DUPLICATES - 1):
                self._push(self._copy(event, retried=False), 0)

    def resend(self, event: Event, times: int, *, parallel: bool) -> None:
        """Good copies of an event, whatever became of the earlier ones."""
        copies = [self._copy(event, retried=False) for _ in range(times)]
        if not parallel:
            for earlier, later in itertools.pairwise(copies):
                earlier.then = [later]
        for copy in copies if parallel else copies[:1]:
            self._push(copy, 0)

    def _bites(self, name: str | tuple[str, ...], delivery: Delivery) -> Fault | None:
        return self._faults.take(name, f"{delivery.event.type}\n{delivery.body.decode()}")

    def _copy(self, event: Event, *, retried: bool = True) -> Delivery:
        with self._changed:
            event.copies += 1
            body = json.dumps(render(event), indent=2).encode()
            return Delivery(event, body, event.copies, retried)

    def _hold(self, delivery: Delivery, longest_s: float) -> None:
        """Until the next event has gone out, or until nothing followed for that long."""
        with self._changed:
            self._held.append(delivery)
        self._push(delivery, longest_s)

    def _push(self, delivery: Delivery, delay_s: float) -> None:
        with self._changed:
            heapq.heappush(self._queue, (time.monotonic() + delay_s, next(self._numbers), delivery))
            self._changed.notify()

    def _work(self) -> None:
        with requests.Session() as http:
            http.trust_env = False
            while delivery := self._next():
                self._attempt(http, delivery)

    def _next(self) -> Delivery | None:
        """Waits for the next delivery whose time has come; None when the sender stops."""
        with self._changed:
            while not self._stopping:
                wait_s = self._queue[0][0] - time.monotonic() if self._queue else None
                if wait_s is None or wait_s > 0:
                    self._changed.wait(wait_s)
                    continue
                _, _, delivery = heapq.heappop(self._queue)
                if delivery.tries > 0 or not delivery.started:
                    delivery.started = True
                    return delivery
        return None

    def _attempt(self, http: requests.Session, delivery: Delivery) -> None:
        event = delivery.event
        delivery.tries += 1
        header, flaw = self._sign(delivery)
        at = self._clock()
        status, error = self._post(http, delivery.body, header)
        event.attempts.append(
            {"at": at, "copy": delivery.copy, "attempt": delivery.tries, "status": status}
            | {"error": error, "flaw": flaw}
        )
        accepted = status is not None and 200 <= status < 300  # noqa: PLR2004 - a 2xx
        if accepted or self._clock() - event.created > _GIVE_UP_S:
            event.pending_webhooks = 0
        elif delivery.retried:
            self._push(delivery, min(_FIRST_RETRY_S * 2 ** (delivery.tries - 1), _LONGEST_RETRY_S))
        followers, delivery.then = delivery.then, []
        for follower in followers:
            self._push(follower, 0)

    def _post(self, http: requests.Session, body: bytes, header: str) -> tuple[int | None, str | None]:
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": header,
        }
        try:
            answer = http.post(self._url, data=body, headers=headers, timeout=_TIMEOUT_S, allow_redirects=False)
        except requests.RequestException as failure:
            return None, type(failure).__name__
        return answer.status_code, None

    def _sign(self, delivery: Delivery) -> tuple[str, str | None]:
        now = int(self._clock())
        spoilt = delivery.spoilt
        if spoilt is None or delivery.tries > spoilt.extra.get("attempts", 1):
            return signature(delivery.body, self._secret, now), None
        match spoilt.fault:
            case "webhook_old":
                return signature(delivery.body, self._secret, now - _HOUR_S), "webhook_old"
            case "webhook_future":
                return signature(delivery.body, self._secret, now + _HOUR_S), "webhook_future"
            case _:
                return signature(delivery.body, self._secret + "x", now), "webhook_bad_signature"
