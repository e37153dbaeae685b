"""How a lane goes through its batches."""

import threading
import time
from collections.abc import Sequence
from typing import Any
from unittest.mock import MagicMock
from uuid import uuid4

import pytest

from common.database import DatabaseAwayError
from common.deliveries import Delivery
from common.events import PaymentCompleted, encode
from common.lane import Decided, Item, Question
from common.metrics import Metrics
from common.outage import Patient
from common.runtime import LaneRunner
from common.stages import Stage
from local.processes import await_condition
from tests.unit.builders import a_job

WAIT_S = 10.0


def test_what_was_claimed_is_asked_while_the_rest_of_its_batch_is_still_decided() -> None:
    """Two deliveries of one job are decided in two transactions, and the second may wait for somebody's lock."""
    asked = threading.Event()
    lane = MagicMock(threads=2, events=[PaymentCompleted], ask=lambda _: asked.set())
    lane.name = "lane"
    runner = LaneRunner(lane, MagicMock(), {}, Metrics())
    in_time: list[bool] = []

    def guarded(items: Sequence[Item], tries_left: int = 0) -> list[Decided]:  # noqa: ARG001 - the shape of what it replaces
        if items[0].delivery.redelivered:
            in_time.append(asked.wait(WAIT_S))
            return []
        return [(items[0], None, Question("about"))]

    runner._guarded = guarded  # type: ignore[method-assign] # noqa: SLF001 - the transaction
    body = encode(PaymentCompleted(job_id=uuid4()), "test")
    for redelivered in (False, True):
        runner._crew._waiting.append(Delivery(PaymentCompleted.queue, body, redelivered, 1, 1, MagicMock()))  # noqa: SLF001 - one batch
    runner._crew.call()  # noqa: SLF001 - as a delivery that comes
    await_condition(lambda: bool(in_time), 2 * WAIT_S, "the second decision")
    runner._crew.stop()  # noqa: SLF001 - as a drain
    assert in_time == [True]


@pytest.mark.parametrize(
    ("now", "as_it_was"), [({}, True), ({"version": 4}, False), ({"stage": Stage.WATCH}, False)], ids=str
)
def test_a_row_is_as_it_was_with_the_same_version_in_the_same_stage(now: dict[str, Any], as_it_was: bool) -> None:  # noqa: FBT001 - a parameter
    """Where a standby took over, another stage may have the number of a version that was lost."""
    assert a_job(**now).as_it_was(a_job()) is as_it_was


def test_patience_outlasts_an_outage_and_remembers_it() -> None:
    told: list[str] = []
    errors = iter([DatabaseAwayError("restarting"), DatabaseAwayError("restarting")])

    def work() -> str:
        for error in errors:
            raise error
        return "done"

    patient = Patient(lambda: told.append("pause"), lambda: told.append("resume"), threading.Event())
    began = time.monotonic()
    assert patient.away_at < began
    assert patient.run(work) == "done"
    assert told == ["pause", "resume"]
    assert patient.away_at > began
