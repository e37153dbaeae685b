"""The provider's capacity, shared by all replicas (design section 5): slot times, jobs in flight, oldest first.

Who wants to submit stands in `submit_queue`. Places are given under one lock: as many as the jobs in flight leave free
and the breaker lets through, to the orders whose promise is the oldest, each with a slot time of its own. An order that
does not come for its place in time loses it and stays at the head of the queue.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from common import breaker, jobs
from common.breaker import Breaker
from common.database import Transaction, keys, unnest
from common.limits import CAPACITY_LOCK, EARLY_S, LATE_S, Limits, spacing_s

SCANNED = 100  # of the queue at once: those at its head may have been refunded meanwhile
ENOUGH = 5  # deliveries that tell how long one takes
EARLY, LATE = timedelta(seconds=EARLY_S), timedelta(seconds=LATE_S)


@dataclass(frozen=True, slots=True)
class Turn:
    """When an order may be submitted. `go`: now, and at the latest `left_s` from now; else it looks in `wait_s`."""

    go: bool
    left_s: float = 0.0
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Load:
    """How full the provider is: orders that wait for a place, and attempts that hold one."""

    waiting: int
    in_flight: int


def turns(tx: Transaction, wanted: Sequence[UUID], limits: Limits, wait_s: float) -> Mapping[UUID, Turn]:
    """Queue these (locked) jobs and say whose turn it is. Waits for other replicas that ask at this moment.

    `wait_s`: what who has no slot time yet waits at least; it is woken when it gets one.
    """
    now = _alone(tx)
    _enter(tx, wanted)
    _give(tx, now, limits, wanted)
    slots = _slots(tx, wanted, now)
    state = breaker.read(tx)
    ready = {job for job, slot in slots.items() if slot <= now + EARLY and state.lets(job)}
    later = {job for job, slot in slots.items() if slot > now + EARLY}
    _leave(tx, ready)
    behind_s = max(wait_s, load(tx).waiting * limits.spacing_s) if len(ready) + len(later) < len(wanted) else wait_s
    return {
        job: Turn(go=True, left_s=(slots[job] + LATE - now).total_seconds())
        if job in ready
        else Turn(go=False, wait_s=(slots[job] - now).total_seconds() if job in later else behind_s)
        for job in wanted
    }


def queue_behind_breaker(tx: Transaction, refused: Sequence[UUID]) -> None:
    """These (locked) jobs were surely not accepted. Where the breaker is not closed they stand in the queue while they
    wait: one of them tries when its pause is over, however long its own wait is.
    """
    if refused and not breaker.read(tx).closed:
        _enter(tx, refused)


def wake_waiting(tx: Transaction, limits: Limits) -> int:
    """Give the free places to the oldest waiting orders and wake each at its slot time; returns how many."""
    if tx.execute("SELECT 1 FROM submit_queue LIMIT 1").fetchone() is None:
        return 0  # the usual case takes no lock
    return _give(tx, _alone(tx), limits, ())


def load(tx: Transaction) -> Load:
    """How many wait, and how many are at the provider."""
    row = tx.execute(
        """SELECT (SELECT count(*) FROM submit_queue),
               (SELECT count(*) FROM attempts WHERE ended_at IS NULL AND state IN ('claimed', 'open', 'unknown'))"""
    ).fetchone()
    return Load(*row) if row else Load(0, 0)


def picture_s(tx: Transaction) -> float | None:
    """Seconds that a picture is at the provider: the median of the newest deliveries; None when there are too few."""
    row = tx.execute(
        """SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY took_s)
           FROM (SELECT extract(epoch FROM a.ended_at - a.submitted_at)::float8 AS took_s
                 FROM (SELECT job_id, attempt FROM jobs WHERE completed_at IS NOT NULL AND NOT canary
                       ORDER BY completed_at DESC LIMIT 50) j
                 JOIN attempts a USING (job_id, attempt)
                 WHERE a.ended_at IS NOT NULL AND a.submitted_at IS NOT NULL) done"""
    ).fetchone()
    return float(row[1]) if row and row[0] >= ENOUGH else None


def check_waits(tx: Transaction, wanted: Mapping[UUID, int], per_min: int) -> dict[UUID, float]:
    """Seconds that each job waits for its status checks (job -> how many calls); 0 for those whose turn it is."""
    now, next_at = _rate(tx, "checks", lock=True)
    rows = tx.execute(
        "SELECT job_id, slot_at FROM check_slots WHERE job_id = ANY(%(ids)s::uuid[])", {"ids": keys(wanted)}
    )
    held: dict[UUID, datetime] = {row[0]: row[1] for row in rows}
    slots: dict[UUID, datetime] = {}
    for job, calls in wanted.items():
        slots[job] = held.get(job, now - 2 * LATE)
        if slots[job] < now - LATE:
            slots[job] = max(next_at, now)
            next_at = slots[job] + calls * timedelta(seconds=spacing_s(per_min))
    _set_rate(tx, "checks", next_at)
    later = {job: slot for job, slot in slots.items() if slot > now + EARLY}
    _keep_check_slots(tx, later, held.keys() - later.keys())
    return {job: (later[job] - now).total_seconds() if job in later else 0.0 for job in wanted}


def forget_checks(tx: Transaction) -> None:
    """Remove slot times of checks that nobody came for: their jobs have gone on."""
    tx.execute("DELETE FROM check_slots WHERE slot_at < now() - make_interval(mins => 10)")


def _alone(tx: Transaction) -> datetime:
    """Wait for the one lock; the database's time after that."""
    tx.execute("SELECT pg_advisory_xact_lock(%s)", [CAPACITY_LOCK])
    return _rate(tx, "submits")[0]


def _enter(tx: Transaction, wanted: Sequence[UUID]) -> None:
    tx.execute(
        """INSERT INTO submit_queue (job_id, due_at)
           SELECT job_id, COALESCE(promise_at, now()) FROM jobs WHERE job_id = ANY(%(ids)s::uuid[])
           ON CONFLICT (job_id) DO UPDATE SET due_at = excluded.due_at WHERE submit_queue.due_at <> excluded.due_at""",
        {"ids": keys(wanted)},
    )


def _leave(tx: Transaction, gone: AbstractSet[UUID]) -> None:
    if gone:
        tx.execute("DELETE FROM submit_queue WHERE job_id = ANY(%(ids)s::uuid[])", {"ids": keys(gone)})


def _slots(tx: Transaction, wanted: Sequence[UUID], now: datetime) -> dict[UUID, datetime]:
    """The slot times that these jobs hold and can still use."""
    rows = tx.execute(
        "SELECT job_id, slot_at FROM submit_queue WHERE job_id = ANY(%(ids)s::uuid[]) AND slot_at >= %(from)s",
        {"ids": keys(wanted), "from": now - LATE},
    )
    return {row[0]: row[1] for row in rows}


def _give(tx: Transaction, now: datetime, limits: Limits, ours: Sequence[UUID]) -> int:
    """Give the free places, wake who got one and is not at hand (`ours`), and forget who waits no more."""
    state = breaker.read(tx)
    free = _free(tx, now, limits, state)
    rows = tx.execute(
        """SELECT q.job_id, j.stage = 'submit' AND j.hold_reason IS NULL FROM submit_queue q JOIN jobs j USING (job_id)
           WHERE COALESCE(q.slot_at, '-infinity') < %(from)s
           ORDER BY q.due_at, q.job_id LIMIT %(most)s FOR UPDATE OF j SKIP LOCKED""",
        {"from": now - LATE, "most": free + SCANNED},
    ).fetchall()
    _leave(tx, {job for job, waits in rows if not waits})
    chosen = [job for job, waits in rows if waits][:free]
    if chosen:
        if not state.closed:
            breaker.try_again(tx, chosen[0], limits)
        slots = _give_slots(tx, chosen, limits.spacing_s)
        jobs.wake(tx, {job: slot for job, slot in slots.items() if job not in ours})
    return len(chosen)


def _free(tx: Transaction, now: datetime, limits: Limits, state: Breaker) -> int:
    """Places that may be given: neither in flight nor given already; one at most where the breaker is not closed."""
    row = tx.execute(
        """SELECT (SELECT count(*) FROM submit_queue WHERE slot_at >= %(from)s)
               + (SELECT count(*) FROM attempts WHERE ended_at IS NULL AND state IN ('claimed', 'open', 'unknown'))""",
        {"from": now - LATE},
    ).fetchone()
    left = max(limits.in_flight - (row[0] if row else 0), 0)
    if state.closed:
        return left
    return min(left, 1) if state.over else 0


def _give_slots(tx: Transaction, chosen: Sequence[UUID], spacing: float) -> dict[UUID, datetime]:
    """The next slot times of the rate, in this order."""
    now, next_at = _rate(tx, "submits")
    first = max(next_at, now)
    slots = {job: first + number * timedelta(seconds=spacing) for number, job in enumerate(chosen)}
    _set_rate(tx, "submits", first + len(chosen) * timedelta(seconds=spacing))
    unnest(
        tx,
        "UPDATE submit_queue q SET slot_at = i.slot_at FROM {rows} WHERE q.job_id = i.job_id",
        {"job_id": ("uuid", list(slots)), "slot_at": ("timestamptz", list(slots.values()))},
    )
    return slots


def _rate(tx: Transaction, rate: str, *, lock: bool = False) -> tuple[datetime, datetime]:
    """The database's time, and the rate's next free slot time (never before that)."""
    row = tx.execute(
        f"""SELECT clock_timestamp(), GREATEST(next_at, clock_timestamp()) FROM rates
            WHERE rate = %(rate)s {"FOR UPDATE" if lock else ""}""",
        {"rate": rate},
    ).fetchone()
    if row is None:
        raise LookupError(f"the table rates has lost its row {rate}: run ./enlarger migrate")
    return row[0], row[1]


def _set_rate(tx: Transaction, rate: str, next_at: datetime) -> None:
    tx.execute("UPDATE rates SET next_at = %(next)s WHERE rate = %(rate)s", {"rate": rate, "next": next_at})


def _keep_check_slots(tx: Transaction, later: Mapping[UUID, datetime], used: AbstractSet[UUID]) -> None:
    if used:
        tx.execute("DELETE FROM check_slots WHERE job_id = ANY(%(ids)s::uuid[])", {"ids": keys(used)})
    unnest(
        tx,
        """INSERT INTO check_slots (job_id, slot_at) SELECT i.job_id, i.slot_at FROM {rows}
           ON CONFLICT (job_id) DO UPDATE SET slot_at = excluded.slot_at""",
        {"job_id": ("uuid", list(later)), "slot_at": ("timestamptz", list(later.values()))},
    )
