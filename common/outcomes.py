"""What a lane decides about one delivery: frozen values, applied by common.jobs and the runtime, tested as tables.

Named tuples, as every value that is made for each delivery: a frozen dataclass of this size takes seven times as long.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from common.events import Event
from common.stages import Stage, Status

NO_EVENTS: tuple[Event, ...] = ()
NOTHING_MORE: Mapping[str, Any] = MappingProxyType({})


class Move(NamedTuple):
    """The job goes to stage `to` (which may be the one it is in: progress, tries and wakes start again).

    `kind` names the fact in the history, `detail` its measured values. `wake_s`: seconds to the first wake-up,
    by default the stage table's. `hold`: why a person must look before a lane acts on it, review due at that wake-up;
    "" releases. `email` corrects the customer's address.
    `reopen`: an operator has the job done again. Fields left None keep what the row has.
    """

    to: Stage
    kind: str
    detail: Mapping[str, Any] = NOTHING_MORE
    emit: tuple[Event, ...] = NO_EVENTS
    status: Status | None = None
    wake_s: float | None = None
    attempt: int | None = None
    failure_reason: str | None = None
    failure_detail: str | None = None
    payment: "Payment | None" = None
    refunded_cents: int | None = None
    hold: str | None = None
    reopen: "Reopen | None" = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Reopen:
    """The job is to be done again: attempts up to `attempts_base` count no more, the promise begins anew."""

    attempts_base: int
    promise_s: float


@dataclass(frozen=True, slots=True)
class Payment:
    """What was charged, in cents, and the payment intent that a refund would name."""

    charged_cents: int
    payment_intent: str | None
    email: str | None
    promise_s: float


class Wait(NamedTuple):
    """Nothing moved; look again in `wake_s` seconds.

    A transient failure is `counted` as a try. Waiting for others (capacity, a provider at work) is not, and the waits
    of the clock start again from their first.
    """

    wake_s: float
    counted: bool = False
    kind: str | None = None
    detail: Mapping[str, Any] = NOTHING_MORE
    emit: tuple[Event, ...] = NO_EVENTS


class Nothing(NamedTuple):
    """Nothing to do; `emit` repeats the outcome of a delivery that finds its work done. `why` is for the log."""

    why: str
    emit: tuple[Event, ...] = NO_EVENTS


class Refuse(NamedTuple):
    """A dead letter: the message does not parse or names no job. `reason` is read by people."""

    reason: str


Outcome = Move | Wait | Nothing | Refuse
