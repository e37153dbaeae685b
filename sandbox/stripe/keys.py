"""Idempotency keys as Stripe keeps them (https://docs.stripe.com/api/idempotent_requests)."""

import threading
from dataclasses import dataclass

from sandbox.stripe.form import Params
from sandbox.stripe.refusals import Refusal


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    params: Params


@dataclass(frozen=True)
class Saved:
    status: int
    body: bytes
    request_id: str


class Keys:
    """Key -> what was asked with it, and the answer once there is one.

    At Stripe a key is forgotten after a day or more; here `forget_all` makes that day pass.
    """

    def __init__(self) -> None:
        self._asked: dict[str, Asked] = {}
        self._saved: dict[str, Saved] = {}
        self._lock = threading.Lock()

    def begin(self, key: str, asked: Asked) -> Saved | None:
        """The saved answer, or None: then the caller holds the key until `save` or `release`."""
        with self._lock:
            known = self._asked.setdefault(key, asked)
            if known is asked:
                return None
            if known != asked:
                raise _other_request(key, known, asked)
            if key not in self._saved:
                raise _in_use(key)
            return self._saved[key]

    def save(self, key: str, saved: Saved) -> None:
        with self._lock:
            self._saved[key] = saved

    def release(self, key: str) -> None:
        """Nothing was executed: the key is free for another try."""
        with self._lock:
            self._asked.pop(key, None)

    def forget_all(self) -> int:
        with self._lock:
            spent = list(self._saved)
            for key in spent:
                del self._asked[key], self._saved[key]
            return len(spent)


def _other_request(key: str, known: Asked, asked: Asked) -> Refusal:
    hint = f"Try using a key other than '{key}' if you meant to execute a different request."
    if (known.method, known.path) != (asked.method, asked.path):
        what = f"for the same endpoint they were first used for ('{known.path}' vs '{asked.path}')"
    else:
        what = "with the same parameters they were first used with"
    text = f"Keys for idempotent requests can only be used {what}. {hint}"
    return Refusal(400, text, type="idempotency_error", saved=False)


def _in_use(key: str) -> Refusal:
    text = (
        "There is currently another in-progress request using this Idempotent Key (that probably means you "
        f"submitted twice, and the other request is still going through): {key}. Please try again later."
    )
    return Refusal(409, text, "idempotency_key_in_use", saved=False)
