"""What is counted of money: each committed step of it once, whoever made it."""

import time
from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY, Histogram

from common.deliveries import Delivery, Subscription
from common.events import UpscaleFailed
from common.jobs import Job
from common.lane import Item
from common.metrics import Metrics, moved, observe_all
from common.outcomes import Move, Nothing, Outcome
from common.stages import Stage, Status
from tests.unit.builders import JOB, a_job

NOBODY = Subscription([], 1, lambda _delivery: None)
FAILED = a_job(Stage.REFUND, Status.FAILED, refunded_cents=50)
STEPS: dict[str, tuple[Job, Outcome, int]] = {
    "the rest": (FAILED, Move(Stage.ANNOUNCE, "refunded", status=Status.REFUNDED, refunded_cents=192), 142),
    "a part, in its stage": (a_job(), Move(Stage.SUBMIT, "refunded_in_part", refunded_cents=50), 50),
    "told again": (FAILED, Move(Stage.REFUND, "refund_over", refunded_cents=50), 0),
    "one that came back": (FAILED, Move(Stage.REFUND, "refund_failed", refunded_cents=0), 0),
    "another matter": (FAILED, Move(Stage.KEEP, "nothing_to_refund"), 0),
    "no move": (FAILED, Nothing("Stripe is being asked"), 0),
}


def in_a_lane(job: Job, outcome: Outcome) -> None:
    delivery = Delivery("finisher.upscale.failed", b"", False, 1, 1, NOBODY)  # noqa: FBT003 - a tuple
    Metrics().settled("finisher.refund", [(Item(delivery, UpscaleFailed(job_id=JOB), time.monotonic()), job, outcome)])


def at_the_door(job: Job, outcome: Outcome) -> None:
    if isinstance(outcome, Move):
        moved(job, outcome)


@pytest.mark.parametrize("count", [in_a_lane, at_the_door])
@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
def test_what_was_given_back_is_counted_as_it_is_booked(
    count: Callable[[Job, Outcome], None], step: tuple[Job, Outcome, int]
) -> None:
    job, outcome, cents = step
    before = REGISTRY.get_sample_value("enlarger_refunded_cents_total") or 0

    count(job, outcome)

    assert REGISTRY.get_sample_value("enlarger_refunded_cents_total") == before + cents


def test_what_is_observed_together_counts_as_if_it_had_been_observed_singly() -> None:
    values = [0.0, 0.1, 0.10001, 1.0, 7.5, 1e9]
    single, together = (Histogram("seconds", "…", registry=None, buckets=(0.1, 1, 10)) for _ in range(2))
    for value in values:
        single.observe(value)
    observe_all(together, values)

    def shown(histogram: Histogram) -> list[tuple[str, float]]:
        samples = [(f"{s.name}{s.labels}", s.value) for metric in histogram.collect() for s in metric.samples]
        return [(name, value) for name, value in samples if "created" not in name]

    assert shown(together) == shown(single)
