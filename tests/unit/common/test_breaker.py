"""The breaker's decisions, as a table: what the answers of submissions make of it."""

from bisect import bisect_left
from typing import Any

import pytest

from common.breaker import Breaker, BreakerState, Change, judge
from common.limits import LATE_S, Limits, spacing_s
from common.provider import NotAccepted, OurTrouble, PictureRefused, Report, State, Unknown

LIMITS = Limits(
    in_flight=15, submits_per_min=90, breaker_after=3, breaker_pause_s=30, breaker_longest_s=100, probe_s=60
)
OK, NOT_THIS = Report("up_1", State.QUEUED), PictureRefused("status 400")
BUSY, HANGS, KEY = NotAccepted("status 503", busy=True), Unknown("no answer"), OurTrouble("status 401")
CLOSED, HALF, OPEN = BreakerState.CLOSED, BreakerState.HALF_OPEN, BreakerState.OPEN


def at(state: BreakerState, failures: int = 0, pauses: int = 0) -> Breaker:
    return Breaker(state, failures, pauses, "", None, over=False, probe=None)


CASES: dict[str, tuple[Breaker, list[Any], Change]] = {
    "acceptances change nothing": (at(CLOSED), [OK, OK], Change(CLOSED, 0)),
    "a refused picture shows that the provider works": (at(CLOSED, 2), [NOT_THIS], Change(CLOSED, 0)),
    "failures are counted": (at(CLOSED, 1), [BUSY], Change(CLOSED, 2)),
    "an acceptance ends the count": (at(CLOSED, 2), [BUSY, OK, HANGS], Change(CLOSED, 1)),
    "enough of them open it": (at(CLOSED, 1), [BUSY, HANGS], Change(OPEN, 3, "no answer", 30)),
    "our own trouble opens it at once": (at(CLOSED), [KEY], Change(OPEN, 1, "status 401", 30)),
    "late failures do not keep it open": (at(OPEN, 3, 1), [BUSY], Change(OPEN, 3)),
    "a late acceptance closes it": (at(OPEN, 3, 1), [OK], Change(CLOSED, 0)),
    "a good probe closes it": (at(HALF, 3, 1), [OK], Change(CLOSED, 0)),
    "a bad probe opens it for longer": (at(HALF, 3, 1), [BUSY], Change(OPEN, 4, "status 503", 60)),
    "and never for longer than the longest": (at(HALF, 9, 9), [KEY], Change(OPEN, 10, "status 401", 100)),
    "no answer of the provider says nothing": (at(HALF, 3, 1), ["too late"], Change(HALF, 3)),
}


@pytest.mark.parametrize(("before", "answers", "after"), CASES.values(), ids=CASES.keys())
def test_what_answers_make_of_the_breaker(before: Breaker, answers: list[Any], after: Change) -> None:
    assert judge(before, answers, LIMITS) == after


@pytest.mark.parametrize("per_min", [1, 7, 90, 240, 6000])
def test_slot_times_keep_to_the_limit_even_when_each_call_starts_at_its_worst_instant(per_min: int) -> None:
    spacing = spacing_s(per_min)
    slots = [number * spacing for number in range(3 * per_min)]
    late_then_early = sorted(slot + LATE_S if number < per_min else slot - 1 for number, slot in enumerate(slots))

    for start in late_then_early:
        in_a_minute = bisect_left(late_then_early, start + 60 - 1e-6) - bisect_left(late_then_early, start)
        assert in_a_minute <= per_min
