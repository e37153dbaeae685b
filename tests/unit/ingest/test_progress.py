"""What a row means to its customer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.stages import Stage, Status
from services.ingest.customer.progress import (
    Order,
    customer_stage,
    estimated_completion,
    failure,
    payment_status,
    plugin_status,
    progress,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
UNPAID = Order(
    "tk_1", Status.AWAITING_PAYMENT, Stage.CHECKOUT, START, None, None, None, None, None, START, None,
    0, 0, 192, "usd", 4, 100, 100, held=False, checkout_url=None,
)  # fmt: skip
PENDING = replace(UNPAID, status=Status.PENDING, stage=Stage.SUBMIT, paid_at=START, charged_cents=192)
WATCHED = replace(PENDING, status=Status.PROCESSING, stage=Stage.WATCH, watch_at=START)
FETCHED = replace(WATCHED, stage=Stage.FETCH, fetch_at=START)
COMPLETED = replace(FETCHED, status=Status.COMPLETED, stage=Stage.KEEP, completed_at=START)
FAILED = replace(FETCHED, status=Status.FAILED, stage=Stage.REFUND, failure_reason="timeout")
REFUNDED = replace(FAILED, status=Status.REFUNDED, stage=Stage.ANNOUNCE, refunded_cents=192)
ABANDONED = replace(UNPAID, status=Status.ABANDONED, stage=Stage.SETTLED)


def _after(order: Order, seconds: float) -> Order:
    return replace(order, now=START + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("order", "status", "stage", "fraction"),
    [
        (UNPAID, "awaiting_payment", "queued", 0.0),
        (PENDING, "pending", "queued", 0.05),
        (WATCHED, "processing", "processing", 0.1),
        (_after(WATCHED, 30), "processing", "processing", 0.45),
        (_after(WATCHED, 9999), "processing", "processing", 0.8),
        (FETCHED, "processing", "finishing", 0.85),
        (COMPLETED, "completed", "completed", 1.0),
        (FAILED, "failed", "failed", 1.0),
        (REFUNDED, "failed", "failed", 1.0),
        (ABANDONED, "abandoned", "failed", 1.0),
    ],
)
def test_what_the_plugin_sees(order: Order, status: str, stage: str, fraction: float) -> None:
    assert (plugin_status(order), customer_stage(order), progress(order, 60)) == (status, stage, fraction)


@pytest.mark.parametrize(
    ("charged", "refunded", "told"),
    [(0, 0, "pending"), (192, 0, "paid"), (192, 100, "partially_refunded"), (192, 192, "refunded")],
)
def test_payment_status_is_a_matter_of_amounts(charged: int, refunded: int, told: str) -> None:
    assert payment_status(charged, refunded) == told


def test_a_second_attempt_takes_no_progress_back() -> None:
    again = replace(FETCHED, stage=Stage.SUBMIT)
    assert progress(again, 60) == progress(FETCHED, 60)
    assert customer_stage(again) == "finishing"


@given(st.lists(st.floats(min_value=0, max_value=1e5), min_size=2), st.floats(min_value=1, max_value=1e4))
def test_progress_never_runs_backwards(instants: list[float], expected_s: float) -> None:
    told = [progress(_after(WATCHED, at), expected_s) for at in sorted(instants)]
    assert told == sorted(told)
    assert progress(PENDING, expected_s) <= told[0]
    assert told[-1] <= progress(FETCHED, expected_s)


def test_the_estimate_ends_when_it_is_past() -> None:
    assert estimated_completion(_after(WATCHED, 10), 60) == START + timedelta(seconds=60)
    assert estimated_completion(_after(WATCHED, 61), 60) is None
    assert estimated_completion(COMPLETED, 60) is None


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (FAILED, "refund is on its way"),
        (REFUNDED, "refunded in full"),
        (replace(FAILED, charged_cents=0), "Nothing was charged"),
        (ABANDONED, "was not paid"),
        (replace(REFUNDED, failure_reason="never_heard_of"), "could not make"),
        (replace(REFUNDED, completed_at=START), "This order was refunded"),
    ],
)
def test_a_failure_says_where_the_money_is(order: Order, words: str) -> None:
    assert words in (failure(order) or "")


def test_what_goes_well_has_no_failure() -> None:
    assert [failure(order) for order in (UNPAID, PENDING, WATCHED, COMPLETED)] == [None] * 4
