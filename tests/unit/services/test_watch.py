"""What the poller decides, as tables."""

from typing import Any

import pytest

from common.attempts import Attempt
from common.events import UpscaleCheck, UpscaleSubmitted
from common.lane import Question, Work
from common.outcomes import Move, Nothing, Wait
from common.provider import Report, State, Unclear
from common.stages import Stage
from services.poller import handler
from services.poller.handler import Look, Watch
from services.poller.settings import PollerSettings
from tests.unit.builders import JOB, a_job, an_attempt, settings, the_plans

LANE = Watch(settings(PollerSettings), the_plans())
step = LANE._step  # noqa: SLF001 - the decision itself
decide = LANE._decide  # noqa: SLF001
given_up = LANE._given_up  # noqa: SLF001
CHECK, SUBMITTED = UpscaleCheck(job_id=JOB), UpscaleSubmitted(job_id=JOB)
WATCHED = a_job(Stage.WATCH, attempt=1)
LOOK = Question(Look(((1, "up_1"),)))


STEPS: dict[str, tuple[Any, list[Attempt], Any]] = {
    "it is looked at when it is time": (CHECK, [an_attempt()], LOOK),
    "the first look comes by itself": (SUBMITTED, [an_attempt()], Nothing("the first look comes by itself")),
    "unless the webhook has spoken": (SUBMITTED, [an_attempt(hinted=True)], LOOK),
    "every open attempt is looked at": (
        CHECK,
        [an_attempt(), an_attempt(attempt=2, provider_id="up_2"), an_attempt("failed", attempt=3)],
        Question(Look(((1, "up_1"), (2, "up_2")))),
    ),
    "a lost one that the webhook named is looked at": (CHECK, [an_attempt("unknown", provider_id="up_1")], LOOK),
    "a silent one is waited for": (CHECK, [an_attempt("unknown", age_s=300.0)], Wait(600)),
    "an ended one is followed by another": (
        CHECK,
        [an_attempt("failed")],
        Move(Stage.SUBMIT, "submission_lost", {"attempt": 1}, wake_s=0),
    ),
    "a silent one is given up in the end": (
        CHECK,
        [an_attempt("unknown", age_s=900.0, claim_over=True)],
        Move(Stage.SUBMIT, "submission_lost", {"attempt": 1}, wake_s=0),
    ),
    "one that was never accepted is no reason to wait": (
        CHECK,
        [an_attempt("waiting", age_s=5000.0, claim_over=True)],
        Move(Stage.SUBMIT, "submission_lost", {"attempt": 1}, wake_s=0),
    ),
}


@pytest.mark.parametrize(("event", "tried", "expected"), STEPS.values(), ids=STEPS.keys())
def test_a_watched_job_is_looked_at(event: Any, tried: list[Attempt], expected: Any) -> None:
    assert step(Work(event, WATCHED), tried) == expected


@pytest.mark.parametrize("event", [CHECK, SUBMITTED])
def test_the_first_success_wins_without_a_question(event: Any) -> None:
    outcome = step(Work(event, WATCHED), [an_attempt(), an_attempt("succeeded", attempt=2)])

    assert isinstance(outcome, Move)
    assert (outcome.to, outcome.attempt) == (Stage.FETCH, 2)
    assert [(e.name, getattr(e, "attempt", 0)) for e in outcome.emit] == [("upscale.done", 2)]


NO_WINNER = [an_attempt("succeeded", result_dead=True), an_attempt("succeeded", result_url=None), an_attempt("failed")]


@pytest.mark.parametrize("row", NO_WINNER)
def test_a_success_without_a_living_result_wins_nothing(row: Attempt) -> None:
    assert handler._winner(WATCHED, [row]) is None  # noqa: SLF001


def test_a_success_from_before_a_persons_decision_wins_nothing() -> None:
    assert handler._winner(a_job(Stage.WATCH, attempts_base=1), [an_attempt("succeeded")]) is None  # noqa: SLF001


def test_a_redelivery_after_success_emits_the_same_again() -> None:
    outcome = step(Work(SUBMITTED, a_job(Stage.FETCH, attempt=2)), [an_attempt("succeeded", attempt=2)])

    assert isinstance(outcome, Nothing)
    assert [(e.name, getattr(e, "attempt", 0)) for e in outcome.emit] == [("upscale.done", 2)]


@pytest.mark.parametrize("stage", sorted(handler.LATE_STAGES))
def test_a_late_result_is_looked_at_for_the_books_only(stage: Stage) -> None:
    assert step(Work(CHECK, a_job(stage)), [an_attempt()]) == LOOK
    assert decide(a_job(stage), (), [an_attempt("succeeded")]) == Nothing(f"looked in stage {stage}")


@pytest.mark.parametrize("stage", [Stage.CHECKOUT, Stage.SUBMIT])
def test_before_a_submission_there_is_nothing_to_see(stage: Stage) -> None:
    assert isinstance(step(Work(CHECK, a_job(stage)), [an_attempt()]), Nothing)


def _waits(outcome: Any, low: float, high: float, *, counted: bool) -> bool:
    return isinstance(outcome, Wait) and low <= outcome.wake_s <= high and outcome.counted is counted


RUNNING = Report("up_1", State.PROCESSING)


def test_a_running_job_is_looked_at_again_soon() -> None:
    assert _waits(decide(WATCHED, ((1, RUNNING),), [an_attempt()]), 30, 30, counted=False)


def test_the_last_look_comes_when_its_time_is_over() -> None:
    assert _waits(decide(WATCHED, ((1, RUNNING),), [an_attempt(age_s=890.0)]), 10, 10, counted=False)


def test_an_answered_last_look_ends_it() -> None:
    outcome = decide(WATCHED, ((1, RUNNING),), [an_attempt(age_s=901.0)])

    assert isinstance(outcome, Move)
    assert (outcome.to, outcome.failure_reason) == (Stage.REFUND, "timeout")


@pytest.mark.parametrize("age_s", [10.0, 901.0])
def test_a_look_without_an_answer_fails_nobody(age_s: float) -> None:
    unclear = Unclear("status 404")

    assert _waits(decide(WATCHED, ((1, unclear),), [an_attempt(age_s=age_s)]), 27, 33, counted=True)


def test_a_provider_that_says_when_to_come_back_is_believed() -> None:
    assert _waits(decide(WATCHED, ((1, Unclear("429", 7)),), [an_attempt()]), 7, 7, counted=True)


def test_a_failure_of_every_attempt_is_told_with_its_reason() -> None:
    outcome = decide(WATCHED, ((1, Report("up_1", State.FAILED, error="too dark")),), [an_attempt("failed")])

    assert isinstance(outcome, Move)
    assert (outcome.to, outcome.failure_reason, outcome.failure_detail) == (Stage.REFUND, "provider_failed", "too dark")


def test_one_failure_is_no_failure_while_another_attempt_runs() -> None:
    looked = ((1, Report("up_1", State.FAILED)), (2, RUNNING))

    assert isinstance(decide(WATCHED, looked, [an_attempt("failed"), an_attempt(attempt=2)]), Wait)


GIVEN_UP = {
    "silent for long": (an_attempt("unknown", claim_over=True, age_s=900.0), True),
    "silent, but not for long": (an_attempt("unknown", claim_over=True, age_s=899.0), False),
    "a claim nobody came back from": (an_attempt("claimed", claim_over=True, age_s=900.0), True),
    "a claim still running": (an_attempt("claimed", age_s=900.0), False),
    "it has an id": (an_attempt("unknown", claim_over=True, age_s=900.0, provider_id="up_1"), False),
    "it is open": (an_attempt("open", claim_over=True, age_s=9000.0), False),
    "it has ended": (an_attempt("unknown", claim_over=True, age_s=900.0, ended=True), False),
}


@pytest.mark.parametrize(("row", "expected"), GIVEN_UP.values(), ids=GIVEN_UP.keys())
def test_only_a_long_silence_is_given_up(row: Attempt, expected: bool) -> None:  # noqa: FBT001
    assert given_up(row) is expected
