"""The circuit breaker of the provider (design section 4): one row for all replicas.

Closed: everything goes. Open: nothing, until an instant. Then half-open: one order, the probe, tries; an acceptance
closes the breaker, anything else opens it again for longer. It never fails an order: they wait.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from common import notices
from common.database import Transaction
from common.limits import CAPACITY_LOCK, Limits
from common.provider import NotAccepted, OurTrouble, PictureRefused, Report, Unknown

NAME = "provider"


class BreakerState(StrEnum):
    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Breaker:
    """The row. `over`: the pause (or the probe's time) is over; `pauses`: openings since it was last closed."""

    state: BreakerState
    failures: int
    pauses: int
    why: str
    opened_at: datetime | None
    over: bool
    probe: UUID | None

    @property
    def closed(self) -> bool:
        return self.state is BreakerState.CLOSED

    def lets(self, job_id: UUID) -> bool:
        """Whether this order may be submitted now."""
        return self.closed or (self.state is BreakerState.HALF_OPEN and self.probe == job_id)


@dataclass(frozen=True, slots=True)
class Change:
    """What an answer makes of the breaker; `pause_s` only where it opens."""

    state: BreakerState
    failures: int
    why: str = ""
    pause_s: float | None = None


def read(tx: Transaction, *, lock: bool = False) -> Breaker:
    """The breaker as it stands."""
    row = tx.execute(
        f"""SELECT state, failures, pauses, why, opened_at, until <= clock_timestamp(), probe
            FROM breakers WHERE breaker = %(name)s {"FOR UPDATE" if lock else ""}""",
        {"name": NAME},
    ).fetchone()
    if row is None:
        raise LookupError("the table breakers has lost its row: run ./enlarger migrate")
    return Breaker(BreakerState(row[0]), *row[1:])


def heard(tx: Transaction, answers: Sequence[object], limits: Limits) -> None:
    """Tell the breaker how submissions were answered; what is no answer of the provider says nothing."""
    before = read(tx)
    told = _fold(answers)
    if not told.failures and (not told.accepted or (before.closed and not before.failures)):
        return  # the usual case costs one look
    tx.execute("SELECT pg_advisory_xact_lock(%s)", [CAPACITY_LOCK])  # who gives places holds it, then takes the row
    now = read(tx, lock=True)
    change = judge(now, answers, limits)
    if change.state is not now.state or change.failures != now.failures:
        _write(tx, change)
    if told.ours and now.closed:
        _tell(tx, told.why)


def judge(breaker: Breaker, answers: Sequence[object], limits: Limits) -> Change:
    """Where these answers, in their order, lead the breaker. While it is open, late failures change nothing."""
    told = _fold(answers)
    closed = told.accepted or breaker.closed
    failures = told.failures if told.accepted else breaker.failures + told.failures
    if closed and not told.ours and failures < limits.breaker_after:
        return Change(BreakerState.CLOSED, failures)
    if not told.failures or (breaker.state is BreakerState.OPEN and not closed):
        return Change(breaker.state, breaker.failures)
    pause_s = limits.breaker_pause_s * 2 ** min(0 if closed else breaker.pauses, 16)
    return Change(BreakerState.OPEN, failures, told.why, min(pause_s, limits.breaker_longest_s))


@dataclass(frozen=True, slots=True)
class _Told:
    """What a batch of answers says: was any accepted, and what came after the last that was."""

    accepted: bool = False
    failures: int = 0
    ours: bool = False
    why: str = ""


def _fold(answers: Sequence[object]) -> _Told:
    told = _Told()
    for answer in answers:
        match answer:
            case Report() | PictureRefused():
                told = _Told(accepted=True)
            case OurTrouble(why=why) | NotAccepted(why=why) | Unknown(why=why):
                ours = told.ours or isinstance(answer, OurTrouble)
                told = _Told(told.accepted, told.failures + 1, ours, why)
    return told


def _tell(tx: Transaction, why: str) -> None:
    """A person must mend it: one mail speaks for all the orders that wait."""
    notices.tell(
        tx,
        f"provider_refuses_us:{notices.this_hour(tx)}",
        "The enlargement service refuses us: orders wait",
        f"It answered: {why}.\n\nThis is about our key or our credits, not about a picture. No order is refunded for "
        "it: all of them wait, one tries again from time to time, and checkout sells nothing meanwhile. They go on by "
        "themselves once it is mended.",
    )


def try_again(tx: Transaction, job_id: UUID, limits: Limits) -> None:
    """The pause is over: this one order may try."""
    tx.execute(
        """UPDATE breakers SET state = 'half_open', probe = %(job)s,
               until = clock_timestamp() + make_interval(secs => %(probe_s)s)
           WHERE breaker = %(name)s""",
        {"name": NAME, "job": job_id, "probe_s": limits.probe_s},
    )


def close(tx: Transaction) -> None:
    """An operator has mended what was wrong: go on at once."""
    _write(tx, Change(BreakerState.CLOSED, 0))


def _write(tx: Transaction, change: Change) -> None:
    tx.execute(
        """UPDATE breakers SET state = %(state)s, failures = %(failures)s, probe = NULL,
               why = CASE WHEN %(pause_s)s::float8 IS NULL THEN why ELSE %(why)s END,
               opened_at = CASE WHEN %(state)s = 'closed' THEN NULL ELSE COALESCE(opened_at, clock_timestamp()) END,
               pauses = CASE WHEN %(state)s = 'closed' THEN 0
                             WHEN %(pause_s)s::float8 IS NULL THEN pauses ELSE pauses + 1 END,
               until = CASE WHEN %(pause_s)s::float8 IS NULL THEN until
                            ELSE clock_timestamp() + make_interval(secs => %(pause_s)s::float8) END
           WHERE breaker = %(name)s""",
        {
            "name": NAME,
            "state": change.state.value,
            "failures": change.failures,
            "why": change.why,
            "pause_s": change.pause_s,
        },
    )
