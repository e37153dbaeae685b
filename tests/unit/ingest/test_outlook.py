"""What checkout sells: only what could be delivered within the promise."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from common.budget import Cap, Period, Usage
from common.limits import Limits
from services.ingest.selling.outlook import Facts, Means, Obstacle, judge

HOUR_S = 3600.0
LIMITS = Limits(
    in_flight=15, submits_per_min=90, breaker_after=5, breaker_pause_s=30, breaker_longest_s=300, probe_s=90
)
MEANS = Means(LIMITS, (), 24 * HOUR_S)
FREE = Facts(tried=True, waiting=0, pending=0, picture_s=30, usage=None)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MIDNIGHT = NOON - timedelta(hours=12)


def spent(day: int, month: int, now: datetime = NOON) -> Usage:
    month_began, month_ends = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    return Usage(now, day, month, MIDNIGHT, month_began, MIDNIGHT + timedelta(days=1), month_ends)


def test_an_idle_shop_sells() -> None:
    assert judge(FREE, MEANS, 64) is None


def test_an_open_breaker_sells_nothing() -> None:
    assert judge(replace(FREE, tried=False), MEANS, 1) is Obstacle.BREAKER


@pytest.mark.parametrize(("waiting", "obstacle"), [(30_000, None), (36_000, Obstacle.BACKLOG)])
def test_a_backlog_that_would_outlast_the_promise_sells_nothing(waiting: int, obstacle: Obstacle | None) -> None:
    assert judge(replace(FREE, waiting=waiting), MEANS, 1) is obstacle


def test_slow_pictures_shorten_the_backlog_that_is_sold() -> None:
    assert judge(replace(FREE, waiting=10_000, picture_s=300), MEANS, 1) is Obstacle.BACKLOG


MONTH, DAY = Cap(Period.MONTH, "credits", 100, 1), Cap(Period.DAY, "credits", 20, 1)
BUDGETS = {
    "there is room": (MONTH, spent(0, 50), 30, 16, None),
    "those who wait have the rest": (MONTH, spent(0, 50), 40, 16, Obstacle.BUDGET),
    "a month that is spent ends too late": (MONTH, spent(0, 100), 0, 1, Obstacle.BUDGET),
    "a day that is spent ends in time": (DAY, spent(20, 20), 0, 16, None),
    "tomorrow is spoken for": (DAY, spent(20, 20), 16, 16, Obstacle.BUDGET),
    "no day is large enough": (DAY, spent(0, 0), 0, 21, Obstacle.BUDGET),
    "the month ends in time": (MONTH, spent(0, 100, NOON + timedelta(days=8)), 0, 16, None),
}


@pytest.mark.parametrize(("cap", "usage", "pending", "credit_count", "obstacle"), BUDGETS.values(), ids=BUDGETS.keys())
def test_what_the_budget_leaves_is_sold(
    cap: Cap, usage: Usage, pending: int, credit_count: int, obstacle: Obstacle | None
) -> None:
    facts = replace(FREE, pending=pending, usage=usage)
    assert judge(facts, replace(MEANS, caps=(cap,)), credit_count) is obstacle
