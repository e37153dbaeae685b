"""Everything that a request may need, put together once per process."""

import asyncio
import secrets
import string
import time
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from fastapi import Request

from sandbox.faults import Fault, FaultTable
from sandbox.stripe.books import Books
from sandbox.stripe.calls import Call, Calls
from sandbox.stripe.faults import NAMES
from sandbox.stripe.journal import Journal
from sandbox.stripe.keys import Keys
from sandbox.stripe.records import Origin
from sandbox.stripe.refusals import Refusal
from sandbox.stripe.settings import Settings
from sandbox.stripe.webhooks import WebhookSender

_ALPHABET = string.ascii_letters + string.digits


def random_id(prefix: str) -> str:
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(24))


class Desk:
    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[str], str] = random_id,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.faults = FaultTable(NAMES)
        self.keys = Keys()
        self.calls = Calls(clock, new_id)
        self.sender = WebhookSender(settings.webhook_url, settings.signing_secret, self.faults, clock)
        self.journal = Journal(clock, new_id, self.sender.send)
        self.books = Books(self.journal)


def desk_of(request: Request) -> Desk:
    return cast("Desk", request.app.state.desk)


def call_of(request: Request) -> Call:
    return cast("Call", request.state.call)


def origin_of(request: Request) -> Origin:
    call = call_of(request)
    return Origin(call.request_id, call.key)


def bites(request: Request, name: str) -> Fault | None:
    """The fault of that name that matches this call's path or body, written down on the call."""
    fault = desk_of(request).faults.take(name, request.state.text)
    if fault:
        call_of(request).faults.append(name)
    return fault


def later(seconds: float, act: Callable[[], object]) -> None:
    """Does it when that much time has passed, unless events have overtaken it (then it is refused)."""

    def run() -> None:
        with suppress(Refusal):
            act()

    asyncio.get_running_loop().call_later(seconds, run)
