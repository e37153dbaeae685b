"""What is counted of money: each committed step of it once, whoever made it."""

import time
from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY

from common.deliveries import Delivery, Subscription
from common.events import UpscaleFailed
from common.jobs import Job
from common.lane import Item
from common.metrics import Metrics, moved
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
