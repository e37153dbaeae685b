"""What the refund lane decides, as tables: it gives back what is owed, and nothing twice."""

from dataclasses import replace
from typing import Any

import pytest

from common.outcomes import Move, Nothing, Wait
from common.stages import Stage, Status
from services.finisher.handler_refund import Refund
from services.finisher.refunds import RefundRow
from services.finisher.settings import RefundSettings
from services.finisher.stripe import RefundedElsewhere, RefundRejected, RefundState, RefundUnclear
from tests.unit.builders import JOB, a_job, settings, the_plans

LANE = Refund(settings(RefundSettings), the_plans())
step = LANE._step  # noqa: SLF001 - the decision itself
decide = LANE._decide  # noqa: SLF001
FAILED = a_job(Stage.REFUND, Status.FAILED, failure_reason="timeout")
ROW = RefundRow(JOB, JOB, 1, "claimed", 192, "timeout", f"refund:{JOB}:1", 1, at_work=False)


def test_a_failed_job_is_owed_what_was_charged_and_not_yet_given_back() -> None:
    row = step(a_job(Stage.REFUND, Status.FAILED, refunded_cents=50), None)

    assert isinstance(row, RefundRow)
    assert (row.amount_cents, row.number, row.claim_no, row.idempotency_key) == (142, 1, 1, f"refund:{JOB}:1")


@pytest.mark.parametrize("state", ["claimed", "pending", "requires_action"])
def test_an_open_refund_is_asked_about_again_with_the_same_facts(state: str) -> None:
    last = replace(ROW, state=state)

    assert step(FAILED, last) == replace(last, claim_no=2)


def test_after_a_final_failure_a_new_row_has_a_new_key() -> None:
    row = step(FAILED, replace(ROW, state="failed"))

    assert isinstance(row, RefundRow)
    assert (row.number, row.idempotency_key) == (2, f"refund:{JOB}:2")
    assert row.refund_id != ROW.refund_id


STEPS: dict[str, tuple[Any, RefundRow | None, Any]] = {
    "Stripe is being asked": (FAILED, replace(ROW, at_work=True), Nothing("Stripe is being asked")),
    "it was never charged": (
        a_job(Stage.REFUND, charged_cents=0),
        None,
        Move(Stage.KEEP, "nothing_to_refund", {"charged_cents": 0}, wake_s=0),
    ),
    "it was given back in the dashboard": (
        a_job(Stage.REFUND, refunded_cents=192),
        None,
        Move(Stage.KEEP, "nothing_to_refund", {"charged_cents": 192}, status=Status.REFUNDED, wake_s=0),
    ),
}


@pytest.mark.parametrize(("job", "last", "expected"), STEPS.values(), ids=STEPS.keys())
def test_nobody_is_asked_twice_or_for_nothing(job: Any, last: RefundRow | None, expected: Any) -> None:
    assert step(job, last) == expected


@pytest.mark.parametrize("stage", sorted(set(Stage) - {Stage.REFUND, Stage.ANNOUNCE}))
def test_a_forged_failure_moves_no_money(stage: Stage) -> None:
    assert isinstance(step(a_job(stage), None), Nothing)
    assert decide(a_job(stage), RefundState("re_1", "succeeded", None), 192, 192) == Nothing(
        f"answered in stage {stage}"
    )


def test_a_delivered_job_is_not_refunded_by_a_forged_failure() -> None:
    outcome = step(a_job(Stage.ANNOUNCE, Status.COMPLETED), None)

    assert isinstance(outcome, Nothing)
    assert outcome.emit == ()


def test_a_redelivery_after_the_refund_emits_the_same_again() -> None:
    outcome = step(a_job(Stage.ANNOUNCE, Status.REFUNDED), ROW)

    assert isinstance(outcome, Nothing)
    assert [event.name for event in outcome.emit] == ["job.refunded"]


@pytest.mark.parametrize(("before", "ours", "total"), [(0, 192, 192), (50, 142, 192), (192, 192, 192)])
def test_a_refund_adds_to_what_was_given_back_elsewhere_and_never_passes_the_charge(
    before: int, ours: int, total: int
) -> None:
    job = a_job(Stage.REFUND, Status.FAILED, refunded_cents=before)
    outcome = decide(job, RefundState("re_1", "succeeded", None), ours, ours)

    assert isinstance(outcome, Move)
    assert (outcome.to, outcome.status, outcome.refunded_cents) == (Stage.ANNOUNCE, Status.REFUNDED, total)
    assert [event.name for event in outcome.emit] == ["job.refunded"]


def test_a_full_refund_in_the_dashboard_counts() -> None:
    outcome = decide(FAILED, RefundedElsewhere(192), 192, 0)

    assert isinstance(outcome, Move)
    assert outcome.refunded_cents == 192


WAITS: dict[str, tuple[Any, float, bool]] = {
    "pending": (RefundState("re_1", "pending", None), 3600, False),
    "the customer must act": (RefundState("re_1", "requires_action", None), 3600, False),
    "unclear": (RefundUnclear("no answer"), 60, True),
    "rejected": (RefundRejected("no such payment"), 86400, False),
    "failed at the bank": (RefundState("re_1", "failed", "expired_card"), 86400, False),
    "only a part was given back elsewhere": (RefundedElsewhere(100), 86400, False),
}


@pytest.mark.parametrize(("answer", "wake_s", "counted"), WAITS.values(), ids=WAITS.keys())
def test_anything_else_waits_in_the_stage(answer: Any, wake_s: float, counted: bool) -> None:  # noqa: FBT001
    outcome = decide(FAILED, answer, 192, 0)

    assert isinstance(outcome, Wait)
    assert wake_s * 0.9 <= outcome.wake_s <= wake_s * 1.1
    assert outcome.counted is counted
