"""The log of every call of Stripe's API: what was asked and what was answered."""

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from sandbox.stripe.form import Params


@dataclass
class Call:
    """`status` stays None when no answer was ever sent; `faults` names those that bit; `traceparent`: as sent."""

    request_id: str
    at: float
    method: str
    path: str
    key: str | None
    params: Params
    traceparent: str | None = None
    status: int | None = None
    replayed: bool = False
    faults: list[str] = field(default_factory=list)


class Calls:
    def __init__(self, clock: Callable[[], float], new_id: Callable[[str], str]) -> None:
        self._clock = clock
        self._new_id = new_id
        self._calls: list[Call] = []
        self._lock = threading.Lock()

    def begin(self, method: str, path: str, key: str | None, params: Params) -> Call:
        call = Call(self._new_id("req_"), self._clock(), method, path, key, params)
        with self._lock:
            self._calls.append(call)
        return call

    def told(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(call) for call in self._calls]
