"""The clock's look at what all orders share: it wakes the oldest waiting ones when there is room for them again.

A place at the provider becomes free when an attempt ends, a slot time when it has come, all of them when the breaker
closes, a budget when its period begins: nobody sends a message for that, so the clock looks, in any number of replicas.
"""

import time
from collections.abc import Mapping, Sequence

from common import attempts, budget, capacity
from common.attempts import Attempt, AttemptState, Record
from common.database import Database, Transaction
from common.events import UpscaleCheck
from common.provider import NULL_URL
from common.stages import Plan, Stage
from common.switches import CLOCK_RUNS
from services.poller.settings import PollerSettings

ACTOR = "clock"
EVERY_S = 0.2
SELDOM_S, RARELY_S = 2.0, 60.0


class Places:
    """Call `look` as often as you like."""

    def __init__(self, database: Database, plans: Mapping[Stage, Plan], settings: PollerSettings) -> None:
        self._database = database
        self._plans = plans
        self._limits = settings.limits
        self._caps = settings.caps
        self._silence_s = settings.processing_timeout_s + settings.submit_unknown_wait_s
        self._result_life_s = settings.result_life_s
        self._hard_caps = settings.hard_caps
        self._next = 0.0
        self._seldom = self._rarely = 0.0

    def look(self) -> Sequence[UpscaleCheck]:
        """Give free places and wake who got one; from time to time, see to the budget and to attempts that nobody asks
        about any more: the checks to publish for them. Raises DatabaseAwayError.
        """
        now = time.monotonic()
        if now < self._next:
            return ()
        self._next = now + EVERY_S
        with self._database.transaction() as tx:
            runs = tx.execute(f"SELECT 1 WHERE {CLOCK_RUNS}").fetchone()
            if runs:
                capacity.wake_waiting(tx, self._limits)
        if runs and now >= self._seldom:
            self._seldom = now + SELDOM_S
            with self._database.transaction() as tx:
                self._see_to_budget(tx)
        if runs and now >= self._rarely:
            self._rarely = now + min(RARELY_S, self._silence_s)
            with self._database.transaction() as tx:
                return self._see_to_forgotten(tx)
        return ()

    def _see_to_forgotten(self, tx: Transaction) -> Sequence[UpscaleCheck]:
        """The provider is asked once more about those it has; who stays silent gives its place back."""
        left = attempts.forgotten(tx, self._silence_s)
        over = [a for a in left if a.provider_id is None or a.age_s >= 2 * self._silence_s]
        attempts.record(tx, [_given_up(a) for a in over], self._result_life_s)
        return [UpscaleCheck(job_id=a.job_id, attempt=a.attempt) for a in left if a not in over]

    def _see_to_budget(self, tx: Transaction) -> None:
        budget.release_affordable(tx, self._plans, self._hard_caps, ACTOR)
        if self._caps:
            budget.warn(tx, self._caps, budget.usage(tx))
        capacity.forget_checks(tx)


def _given_up(attempt: Attempt) -> Record:
    state = AttemptState.FAILED if attempt.state == AttemptState.OPEN else AttemptState.UNKNOWN
    return Record(attempt.job_id, attempt.attempt, state, ended=True, error="never heard of again")


def places_of(settings: PollerSettings, database: Database, plans: Mapping[Stage, Plan]) -> Places | None:
    """None where the provider knows no limits."""
    return None if settings.upsampler_url == NULL_URL else Places(database, plans, settings)
