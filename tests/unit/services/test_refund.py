"""What the refund lane decides, as tables: it gives back what is owed, and nothing twice."""

from dataclasses import replace
from typing import Any

import pytest

from common.jobs import Job
from common.outcomes import Move, Nothing, Outcome, Wait
from common.refunds import Standing, StripeRefund
from common.stages import Stage, Status
from services.finisher.handler_refund import Refund
from services.finisher.refunds import RefundHistory, RefundRow
from services.finisher.settings import RefundSettings
from services.finisher.stripe import RefundAnswer, RefundedElsewhere, RefundRejected, RefundState, RefundUnclear
from tests.unit.builders import JOB, a_job, settings, the_plans

LANE = Refund(settings(RefundSettings), the_plans())
CLEAR = Standing()
FAILED = a_job(Stage.REFUND, Status.FAILED, failure_reason="timeout")
ROW = RefundRow(JOB, JOB, 1, "claimed", 192, "timeout", f"refund:{JOB}:1", 1, at_work=False)


def step(job: Job, last: RefundRow | None, standing: Standing = CLEAR) -> RefundRow | Outcome:
    return LANE._step(job, RefundHistory(last, last.number + 1 if last else 1), standing)  # noqa: SLF001 - the decision


def decide(job: Job, answer: RefundAnswer, given_back: int = 0, last: RefundRow = ROW) -> Outcome:
    return LANE._decide(job, answer, RefundHistory(last, 2), Standing(given_back))  # noqa: SLF001 - the decision


def at_stripe(state: str, cents: int = 192, failure: str | None = None) -> RefundState:
    return RefundState(
        StripeRefund("re_1", "pi_1", cents, state, moved=state == "succeeded", ours=JOB, failure=failure)
    )


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
}


@pytest.mark.parametrize(("job", "last", "expected"), STEPS.values(), ids=STEPS.keys())
def test_nobody_is_asked_twice_or_for_nothing(job: Any, last: RefundRow | None, expected: Any) -> None:
    assert step(job, last) == expected


def test_what_was_given_back_elsewhere_closes_the_job_and_tells_its_customer() -> None:
    outcome = step(a_job(Stage.REFUND, refunded_cents=192), None)

    assert isinstance(outcome, Move)
    assert (outcome.to, outcome.status, outcome.refunded_cents) == (Stage.ANNOUNCE, Status.REFUNDED, 192)


def test_what_a_lost_dispute_took_is_not_owed_again() -> None:
    assert isinstance(part := step(FAILED, None, Standing(lost_cents=100)), RefundRow)
    assert part.amount_cents == 92
    assert step(FAILED, None, Standing(lost_cents=192)) == Move(
        Stage.KEEP, "nothing_to_refund", {"charged_cents": 192}, status=Status.REFUNDED, wake_s=0
    )


@pytest.mark.parametrize("last", [None, ROW], ids=["new", "open"])
def test_nothing_is_refunded_while_a_dispute_is_open(last: RefundRow | None) -> None:
    outcome = step(FAILED, last, Standing(disputed=True))

    assert isinstance(outcome, Wait)
    assert outcome.kind == "refund_disputed"


def test_a_held_job_is_refunded_only_by_a_persons_order() -> None:
    held = FAILED._replace(held=True)

    assert step(held, ROW) == Nothing("held")
    assert isinstance(step(held, replace(ROW, ordered_by="anna")), RefundRow)


@pytest.mark.parametrize("stage", sorted(set(Stage) - {Stage.REFUND, Stage.ANNOUNCE}))
def test_a_forged_failure_moves_no_money(stage: Stage) -> None:
    assert isinstance(step(a_job(stage), None), Nothing)
    assert isinstance(step(a_job(stage), ROW), Nothing)
    assert decide(a_job(stage), at_stripe("succeeded"), 192) == Nothing(f"answered in stage {stage}")


def test_a_delivered_job_is_not_refunded_by_a_forged_failure() -> None:
    outcome = step(a_job(Stage.ANNOUNCE, Status.COMPLETED), None)

    assert isinstance(outcome, Nothing)
    assert outcome.emit == ()


def test_a_redelivery_after_the_refund_emits_the_same_again() -> None:
    outcome = step(a_job(Stage.ANNOUNCE, Status.REFUNDED), ROW)

    assert isinstance(outcome, Nothing)
    assert [event.name for event in outcome.emit] == ["job.refunded"]


@pytest.mark.parametrize(("before", "total"), [(0, 192), (50, 192), (192, 192)])
def test_a_refund_adds_to_what_was_given_back_elsewhere_and_never_passes_the_charge(before: int, total: int) -> None:
    job = a_job(Stage.REFUND, Status.FAILED, refunded_cents=before)
    outcome = decide(job, at_stripe("succeeded", 192 - before), total)

    assert isinstance(outcome, Move)
    assert (outcome.to, outcome.status, outcome.refunded_cents) == (Stage.ANNOUNCE, Status.REFUNDED, 192)
    assert [event.name for event in outcome.emit] == ["job.refunded"]


def test_a_full_refund_in_the_dashboard_counts() -> None:
    outcome = decide(FAILED, RefundedElsewhere((StripeRefund("re_2", "pi_1", 192, "succeeded", moved=True),)), 192)

    assert isinstance(outcome, Move)
    assert outcome.refunded_cents == 192


def test_after_a_part_was_given_back_elsewhere_the_rest_is_refunded_at_once() -> None:
    outcome = decide(FAILED, RefundedElsewhere((StripeRefund("re_2", "pi_1", 100, "succeeded", moved=True),)), 100)

    assert isinstance(outcome, Move)
    assert (outcome.to, outcome.refunded_cents, outcome.wake_s) == (Stage.REFUND, 100, 0)
    assert [event.name for event in outcome.emit] == ["upscale.failed"]


ORDERED = replace(ROW, ordered_by="anna", amount_cents=50, returns_to="watch")


@pytest.mark.parametrize("state", ["succeeded", "pending", "failed"])
def test_an_order_still_being_made_goes_on_after_a_partial_refund(state: str) -> None:
    making = a_job(Stage.REFUND, Status.PROCESSING)
    cents = 50 if state == "succeeded" else 0
    outcome = decide(making, at_stripe(state, 50), cents, replace(ORDERED, state=state))

    assert isinstance(outcome, Move)
    assert (outcome.to, outcome.status, outcome.refunded_cents, outcome.wake_s) == (Stage.WATCH, None, cents, 0)


WAITS: dict[str, tuple[RefundAnswer, str, float, bool]] = {
    "pending": (at_stripe("pending"), "pending", 3600, False),
    "the customer must act": (at_stripe("requires_action"), "requires_action", 3600, False),
    "unclear": (RefundUnclear("no answer"), "claimed", 60, True),
    "rejected": (RefundRejected("no such payment"), "failed", 86400, False),
    "failed at the bank": (at_stripe("failed", failure="expired_card"), "failed", 86400, False),
    "others wait for the bank": (
        RefundedElsewhere((StripeRefund("re_2", "pi_1", 192, "pending", moved=False),)),
        "claimed",
        3600,
        False,
    ),
}


@pytest.mark.parametrize(("answer", "state", "wake_s", "counted"), WAITS.values(), ids=WAITS.keys())
def test_anything_else_waits_in_the_stage(answer: RefundAnswer, state: str, wake_s: float, counted: bool) -> None:  # noqa: FBT001
    outcome = decide(FAILED, answer, 0, replace(ROW, state=state))

    assert isinstance(outcome, Wait)
    assert wake_s * 0.9 <= outcome.wake_s <= wake_s * 1.1
    assert outcome.counted is counted


@pytest.mark.parametrize("answer", [RefundRejected("no money"), at_stripe("failed")], ids=["rejected", "failed"])
def test_a_final_no_is_told_to_a_person(answer: RefundAnswer) -> None:
    outcome = decide(FAILED, answer, 0, replace(ROW, state="failed"))

    assert isinstance(outcome, Wait)
    assert [event.name for event in outcome.emit] == ["job.attention"]
