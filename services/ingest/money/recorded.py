"""Stripe's events as they were recorded: for people who look, and for the command that acts on one again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from common.database import Transaction


@dataclass(frozen=True, slots=True)
class Recorded:
    """One event and what became of it."""

    event_id: str
    kind: str
    outcome: str
    job_id: UUID | None
    received_at: datetime
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: None for all. `kind` is the beginning of a type (`charge.dispute`); `job` an id or a ticket."""

    kind: str | None = None
    outcome: str | None = None
    job: str | None = None
    limit: int = 50


def recorded(tx: Transaction, wanted: Wanted) -> list[Recorded]:
    """The newest events that are wanted, newest first."""
    rows = tx.execute(
        """SELECT event_id, type, outcome, job_id, received_at, payload FROM stripe_events
           WHERE (%(kind)s::text IS NULL OR starts_with(type, %(kind)s))
             AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s)
             AND (%(job)s::text IS NULL OR job_id IN
                  (SELECT job_id FROM order_keys WHERE job_id::text = %(job)s OR ticket = %(job)s))
           ORDER BY received_at DESC LIMIT %(limit)s""",
        {"kind": wanted.kind, "outcome": wanted.outcome, "job": wanted.job, "limit": wanted.limit},
    )
    return [Recorded(*row) for row in rows.fetchall()]


def find(tx: Transaction, event_id: str) -> Recorded | None:
    """The event with this id."""
    row = tx.execute(
        "SELECT event_id, type, outcome, job_id, received_at, payload FROM stripe_events WHERE event_id = %s",
        [event_id],
    ).fetchone()
    return Recorded(*row) if row else None
