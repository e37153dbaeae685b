"""What operators switch off and on while everything runs: the clock and the lanes, by rows that every worker reads.

A pause outlives every process: what starts meanwhile starts paused. Each worker says in turn what it has paused and
how much it is still at work on, so that whoever drains a service knows when it is done.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import uuid4

import structlog

from common.database import PASSING, Database, DatabaseAwayError, Transaction
from common.tap import OPERATOR, Tap

EVERY_S = 1.0
AWAY_S = 2.0
FORGOTTEN_S = 24 * 3600
ALL, CLOCK = "all", "clock"
# In a statement of the clock's own: what is paused wakes nobody, not even by a process that has not heard of it yet.
CLOCK_RUNS = "NOT EXISTS (SELECT FROM pauses WHERE what IN ('all', 'clock', 'poller'))"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Pause:
    """What is paused, by whom, why, and since when."""

    what: str
    actor: str
    why: str
    since: datetime


class AtWork(Protocol):
    """`busy`: deliveries that were taken and are not finished."""

    @property
    def busy(self) -> int: ...


@dataclass(frozen=True, slots=True)
class LaneSwitch:
    """How a worker's lane is paused and resumed, and who knows how much it is at work on."""

    tap: Tap
    at_work: AtWork


def paused(tx: Transaction) -> list[Pause]:
    """All that is paused now."""
    rows = tx.execute("SELECT what, actor, why, since FROM pauses ORDER BY what")
    return [Pause(*row) for row in rows]


def pause(tx: Transaction, what: str, actor: str, why: str) -> bool:
    """False when it was paused already."""
    row = tx.execute(
        """INSERT INTO pauses (what, actor, why) VALUES (%(what)s, %(actor)s, %(why)s)
           ON CONFLICT DO NOTHING RETURNING what""",
        {"what": what, "actor": actor, "why": why},
    ).fetchone()
    return row is not None


def resume(tx: Transaction, what: str) -> list[str]:
    """End this pause (`all`: every one); returns what was resumed."""
    rows = tx.execute("DELETE FROM pauses WHERE %(what)s IN ('all', what) RETURNING what", {"what": what})
    return sorted(row[0] for row in rows)


class Switchboard:
    """A worker's own: reads the pauses, switches its lanes, and says how it stands. Runs in a thread of its own.

    The database's guard comes first at each look: it may pause what must not run (common/restored.py).
    """

    name = "switches"

    def __init__(self, database: Database, service: str, lanes: Mapping[str, LaneSwitch], others: list[str]) -> None:
        self._database = database
        self._worker_id = uuid4()
        self._service = service
        self._lanes = lanes
        self._names = [*lanes, *others]
        self._off: set[str] = set()

    def run(self, stop: threading.Event) -> None:
        """Until told to stop; then the worker's row is gone."""
        while not stop.wait(EVERY_S if self.look() else AWAY_S):
            pass

    def look(self) -> bool:
        """Read the pauses and obey them; False when the database is away."""
        try:
            self._exchange()
        except (DatabaseAwayError, *PASSING) as error:
            log.debug("switches.not_read", error=str(error))
            return False
        return True

    def leave(self) -> None:
        """Take the worker's row away; one that stays is told apart by its age."""
        try:
            with self._database.transaction() as tx:
                tx.execute("DELETE FROM workers WHERE worker_id = %(id)s", {"id": self._worker_id})
        except (DatabaseAwayError, *PASSING) as error:
            log.debug("switches.not_left", error=str(error))

    def _exchange(self) -> None:
        with self._database.transaction() as tx:
            self._database.look(tx)
            self._switch({pause.what for pause in paused(tx)})
            tx.execute(
                """INSERT INTO workers (worker_id, service, lanes, paused, busy)
                   VALUES (%(id)s, %(service)s, %(lanes)s, %(paused)s, %(busy)s)
                   ON CONFLICT (worker_id) DO UPDATE SET paused = excluded.paused, busy = excluded.busy,
                       seen_at = now()""",
                {
                    "id": self._worker_id,
                    "service": self._service,
                    "lanes": self._names,
                    "paused": sorted(self._off),
                    "busy": sum(lane.at_work.busy for lane in self._lanes.values()),
                },
            )
            tx.execute("DELETE FROM workers WHERE seen_at < now() - make_interval(secs => %(s)s)", {"s": FORGOTTEN_S})

    def _switch(self, off: set[str]) -> None:
        for name in self._names:
            wanted = bool(off & {ALL, self._service, name})
            if wanted == (name in self._off):
                continue
            log.warning("lane.paused" if wanted else "lane.resumed", lane=name)
            (self._off.add if wanted else self._off.discard)(name)
            if name in self._lanes:
                tap = self._lanes[name].tap
                (tap.close if wanted else tap.open)(OPERATOR)
