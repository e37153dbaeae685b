"""Whether an order that is sold now could be delivered within the promise (design section 4); else it is not sold.

Looked at every few seconds at most: what stands on the breaker, how many orders wait, what the budget leaves.
"""

import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from common import breaker, budget, capacity
from common.budget import Cap, Usage
from common.database import Database, Transaction
from common.language import mark
from common.limits import Limits

EVERY_S = 3.0
DEFAULT_PICTURE_S = 60.0  # at the provider, until enough were made to know better
SHARE = 0.8  # of the promise that waiting may take: the rest is for a second attempt
RETRY_AFTER_S = 300


class Obstacle(StrEnum):
    """Why nothing is sold."""

    BREAKER = "breaker"
    BACKLOG = "backlog"
    BUDGET = "budget"


TOLD = {
    Obstacle.BREAKER: mark(
        "Our enlargement service cannot be reached just now, so we take no new orders. Nothing was charged; please try "
        "again a little later."
    ),
    Obstacle.BACKLOG: mark(
        "We have so many orders just now that we could not deliver yours in time. Nothing was charged; please try "
        "again a little later."
    ),
    Obstacle.BUDGET: mark(
        "We cannot take more orders for the moment. Nothing was charged; please try again a little later."
    ),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What stands in the way: whether the provider may be `tried`, `waiting` orders (of `pending` credits), and seconds
    that one picture takes.
    """

    tried: bool
    waiting: int
    pending: int
    picture_s: float
    usage: Usage | None


@dataclass(frozen=True, slots=True)
class Means:
    """What there is to deliver with, and within how many seconds it was promised."""

    limits: Limits
    caps: tuple[Cap, ...]
    promise_s: float


class Outlook:
    """Thread-safe. `means` is None where the provider knows no limits: then everything is sold."""

    def __init__(self, database: Database, means: Means | None) -> None:
        self._database = database
        self._means = means
        self._facts: Facts | None = None
        self._until = 0.0
        self._lock = threading.Lock()

    def obstacle(self, credit_count: int) -> Obstacle | None:
        """What speaks against selling an order of so many credits now."""
        if self._means is None:
            return None
        with self._lock:
            if self._facts is None or time.monotonic() >= self._until:
                with self._database.transaction() as tx:
                    self._facts = _read(tx, self._means)
                self._until = time.monotonic() + EVERY_S
            facts = self._facts
        return judge(facts, self._means, credit_count)


def judge(facts: Facts, means: Means, credit_count: int) -> Obstacle | None:
    """What speaks against one more order of so many credits."""
    if not facts.tried:
        return Obstacle.BREAKER
    each_s = max(means.limits.spacing_s, facts.picture_s / means.limits.in_flight)
    if facts.waiting * each_s + facts.picture_s > means.promise_s * SHARE:
        return Obstacle.BACKLOG
    needed = (facts.pending, credit_count)
    if facts.usage and not all(_fits(cap, facts.usage, means.promise_s, needed) for cap in means.caps):
        return Obstacle.BUDGET
    return None


def _fits(cap: Cap, usage: Usage, promise_s: float, needed: tuple[int, int]) -> bool:
    """Whether this order goes after all (`needed`: theirs, its own) that wait, in this period or early in the next."""
    theirs, own = needed
    left = cap.credits_left(usage.spent(cap.period))
    if theirs + own <= left:
        return True
    whole = cap.credits_left(0)
    in_time = usage.ends(cap.period) < usage.now + timedelta(seconds=promise_s * SHARE)
    return in_time and own <= whole and theirs + own - left <= whole


def _read(tx: Transaction, means: Means) -> Facts:
    row = tx.execute(
        """SELECT count(*), COALESCE(sum(credits), 0)::bigint FROM jobs WHERE stage = 'submit' AND NOT canary
           AND stage IN ('checkout', 'submit', 'watch', 'fetch', 'refund', 'announce')"""
    ).fetchone()
    waiting, pending = row or (0, 0)
    usage = budget.usage(tx) if means.caps else None
    return Facts(_tried(tx), waiting, pending, capacity.picture_s(tx) or DEFAULT_PICTURE_S, usage)


def _tried(tx: Transaction) -> bool:
    """Whether an order may go, or one is needed to find out: only orders on their way to the provider try an open
    breaker, and a shop that sold nothing until then would wait for ever once the last of them was refunded.
    """
    state = breaker.read(tx)
    if state.closed or not state.over:
        return state.closed
    on_their_way = tx.execute(
        "SELECT 1 FROM jobs WHERE stage IN ('submit', 'watch') AND hold_reason IS NULL AND NOT canary LIMIT 1"
    )
    return on_their_way.fetchone() is None
