"""The clock's look at what all orders share: it wakes the oldest waiting ones when there is room for them again.

A place at the provider becomes free when an attempt ends, a slot time when it has come, all of them when the breaker
closes, a budget when its period begins: nobody sends a message for that, so the clock looks, in any number of replicas.
"""

import time
from collections.abc import Mapping

from common import budget, capacity
from common.database import Database, Transaction
from common.provider import NULL_URL
from common.stages import Plan, Stage
from common.switches import CLOCK_RUNS
from services.poller.settings import PollerSettings

ACTOR = "clock"
EVERY_S = 0.2
SELDOM_S = 2.0


class Places:
    """Call `look` as often as you like."""

    def __init__(self, database: Database, plans: Mapping[Stage, Plan], settings: PollerSettings) -> None:
        self._database = database
        self._plans = plans
        self._limits = settings.limits
        self._caps = settings.caps
        self._hard_caps = settings.hard_caps
        self._next = 0.0
        self._seldom = 0.0

    def look(self) -> None:
        """Give free places and wake who got one; from time to time, see to the budget. Raises DatabaseAwayError."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + EVERY_S
        with self._database.transaction() as tx:
            runs = tx.execute(f"SELECT 1 WHERE {CLOCK_RUNS}").fetchone()
            if runs:
                capacity.wake_waiting(tx, self._limits)
        if runs and now >= self._seldom:
            self._seldom = now + SELDOM_S
            with self._database.transaction() as tx:
                self._see_to_budget(tx)

    def _see_to_budget(self, tx: Transaction) -> None:
        budget.release_affordable(tx, self._plans, self._hard_caps, ACTOR)
        if self._caps:
            budget.warn(tx, self._caps, budget.usage(tx))
        capacity.forget_checks(tx)


def places_of(settings: PollerSettings, database: Database, plans: Mapping[Stage, Plan]) -> Places | None:
    """None where the provider knows no limits."""
    return None if settings.upsampler_url == NULL_URL else Places(database, plans, settings)
