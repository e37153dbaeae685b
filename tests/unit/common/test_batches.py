"""Natural batches and growing waits."""

from collections import deque
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.batches import MAX_BATCH, backoff_s, natural_batch, one_per_key
from common.events import PaymentCompleted
from common.stages import Plan


def test_a_batch_is_what_is_there() -> None:
    assert natural_batch(deque([1, 2, 3])) == [1, 2, 3]


def test_a_batch_has_an_end() -> None:
    waiting = deque(range(MAX_BATCH + 5))

    assert [len(natural_batch(waiting)), len(natural_batch(waiting))] == [MAX_BATCH, 5]


def test_where_nothing_waits_the_batch_is_empty() -> None:
    assert natural_batch(deque[int]()) == []


@given(st.lists(st.integers(0, 5)))
def test_no_batch_has_a_key_twice(keys: list[int]) -> None:
    for batch in one_per_key(keys, lambda key: key):
        assert len(batch) == len(set(batch))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers())))
def test_each_key_keeps_its_order_and_nothing_is_lost(items: list[tuple[int, int]]) -> None:
    batches = one_per_key(items, lambda item: item[0])

    for key in range(6):
        taken = [item for item in chain.from_iterable(batches) if item[0] == key]
        assert taken == [item for item in items if item[0] == key]


@given(st.lists(st.integers(0, 5)))
def test_there_are_no_more_batches_than_the_busiest_key_needs(keys: list[int]) -> None:
    assert len(one_per_key(keys, lambda key: key)) == max(map(keys.count, keys), default=0)


@pytest.mark.parametrize(("tries", "wait_s"), [(0, 30), (1, 60), (2, 120), (6, 1920), (7, 3600), (500, 3600)])
def test_a_wait_grows_with_the_tries_up_to_an_hour(tries: int, wait_s: float) -> None:
    watch = Plan(PaymentCompleted, 30, 30)

    assert backoff_s(watch, tries, lambda _low, _high: 1.0) == wait_s


@given(st.integers(0, 20))
def test_a_crowd_does_not_come_back_as_one(tries: int) -> None:
    plan = Plan(PaymentCompleted, 60, 60)
    exact = backoff_s(plan, tries, lambda _low, _high: 1.0)

    assert exact * 0.9 <= backoff_s(plan, tries) <= exact * 1.1
