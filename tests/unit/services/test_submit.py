"""What the submitter decides, as tables: from a job and its attempts, and from the provider's answer."""

from typing import Any

import pytest

from common.attempts import Attempt, AttemptState, Claim, Record
from common.jobs import Job
from common.lane import Answered, Work
from common.outcomes import Move, Nothing, Outcome, Wait
from common.provider import NotAccepted, OurTrouble, PictureRefused, Report, State, SubmitAnswer, Unknown
from common.stages import Stage, Status
from services.submitter.answers import TooLate
from services.submitter.handler import Ask, Submit
from services.submitter.settings import SubmitterSettings
from tests.unit.builders import JOB, a_job, an_attempt, settings, the_plans

LANE = Submit(settings(SubmitterSettings), the_plans())
step = LANE._step  # noqa: SLF001 - the decision itself


def decide(job: Job, attempt: int, answer: SubmitAnswer | TooLate, *, told_by_webhook: bool = False) -> Outcome:
    about = Ask(Claim(JOB, attempt, 1), None, 0)  # type: ignore[arg-type] # what was sent does not matter here
    answered = Answered(Work(None, job), about, answer)  # type: ignore[arg-type] # nor does the event
    return LANE._decide(answered, told_by_webhook=told_by_webhook)  # noqa: SLF001 - the decision itself


STEPS: dict[str, tuple[list[Attempt], Any]] = {
    "a new order is claimed": ([], Claim(JOB, 1, 1)),
    "a running claim is left alone": ([an_attempt("claimed")], Nothing("being submitted")),
    "a claim that ran out may have been accepted": (
        [an_attempt("claimed", claim_over=True)],
        Record(JOB, 1, AttemptState.UNKNOWN, ended=False, error="no answer was recorded"),
    ),
    "a claim that ran out and was hooked is open": (
        [an_attempt("claimed", claim_over=True, provider_id="up_1")],
        Record(JOB, 1, AttemptState.OPEN, ended=False),
    ),
    "what was surely not accepted is claimed again": (
        [an_attempt("waiting", claim_no=3)],
        Claim(JOB, 1, 4, again=True),
    ),
    "after a failed attempt comes the next": ([an_attempt("failed")], Claim(JOB, 2, 1)),
    "after a lost attempt comes the next": ([an_attempt("unknown", ended=True)], Claim(JOB, 2, 1)),
    "after a dead result comes the next": ([an_attempt("succeeded", result_dead=True)], Claim(JOB, 2, 1)),
}


@pytest.mark.parametrize(("tried", "expected"), STEPS.values(), ids=STEPS.keys())
def test_an_order_is_submitted_at_most_once_per_attempt(tried: list[Attempt], expected: Any) -> None:
    assert step(a_job(), tried) == expected


@pytest.mark.parametrize("running", [an_attempt("open"), an_attempt("succeeded")], ids=["open", "succeeded"])
def test_an_attempt_that_still_promises_a_result_is_watched(running: Attempt) -> None:
    outcome = step(a_job(), [running, an_attempt("failed", attempt=2)])

    assert isinstance(outcome, Move)
    assert (outcome.to, outcome.attempt, outcome.status) == (Stage.WATCH, 1, Status.PROCESSING)
    assert [event.name for event in outcome.emit] == ["upscale.submitted"]


def test_a_person_asked_for_a_new_one_although_an_old_one_promises() -> None:
    assert step(a_job(attempts_base=1), [an_attempt("open")]) == Claim(JOB, 2, 1)


def unanswered(number: int, ended_s: float = 1e6) -> Attempt:
    return an_attempt("unknown", attempt=number, ended=True, ended_s=ended_s)


WAIT_S = LANE._settings.submit_unknown_wait_s  # noqa: SLF001
SILENCE: dict[str, tuple[list[Attempt], Any]] = {
    "two": ([unanswered(1), unanswered(2, 0)], Claim(JOB, 3, 1)),
    "three, just now": ([unanswered(1), unanswered(2), unanswered(3, 1)], Wait(WAIT_S - 1)),
    "three, long ago": ([unanswered(1), unanswered(2), unanswered(3, WAIT_S)], Claim(JOB, 4, 1)),
    "five, twice and twice as long": ([unanswered(n, WAIT_S) for n in range(1, 6)], Wait(3 * WAIT_S)),
    "three, of which one was answered": ([an_attempt("failed"), unanswered(2), unanswered(3)], Claim(JOB, 4, 1)),
}


@pytest.mark.parametrize(("tried", "expected"), SILENCE.values(), ids=SILENCE.keys())
def test_attempts_that_nobody_answered_do_not_use_an_order_up(tried: list[Attempt], expected: Any) -> None:
    assert step(a_job(), tried) == expected


def test_three_answers_use_an_order_up_however_many_were_lost_between_them() -> None:
    tried = [an_attempt("failed"), unanswered(2), an_attempt("failed", attempt=3), an_attempt("failed", attempt=4)]
    assert isinstance(outcome := step(a_job(), tried), Move)
    assert outcome.failure_reason == "attempts_used_up"


@pytest.mark.parametrize(("base", "number"), [(0, 3), (4, 7)])
def test_attempts_are_used_up_between_two_decisions_of_people(base: int, number: int) -> None:
    tried = [an_attempt("failed", attempt=each) for each in range(1, number + 1)]
    outcome = step(a_job(attempts_base=base), tried)

    assert isinstance(outcome, Move)
    assert (outcome.to, outcome.failure_reason, outcome.status) == (Stage.REFUND, "attempts_used_up", Status.FAILED)
    assert [event.name for event in outcome.emit] == ["upscale.failed"]


def test_a_redelivery_of_a_submitted_order_emits_the_same_again() -> None:
    outcome = step(a_job(Stage.WATCH, attempt=2), [an_attempt(attempt=2)])

    assert isinstance(outcome, Nothing)
    assert [(event.name, getattr(event, "attempt", None)) for event in outcome.emit] == [("upscale.submitted", 2)]


OTHERS = set(Stage) - {Stage.SUBMIT, Stage.WATCH}


@pytest.mark.parametrize("stage", sorted(OTHERS))
def test_no_other_stage_submits_or_emits_anything(stage: Stage) -> None:
    assert step(a_job(stage), [an_attempt("waiting")]) == Nothing(f"in stage {stage}")
    assert decide(a_job(stage), 1, Unknown("late")) == Nothing(f"answered in stage {stage}")


MOVES: dict[str, tuple[SubmitAnswer, Stage, str | None, list[str]]] = {
    "accepted": (Report("up_1", State.QUEUED), Stage.WATCH, None, ["upscale.submitted"]),
    "done at once": (Report("up_1", State.SUCCEEDED, "u"), Stage.WATCH, None, ["upscale.submitted"]),
    "failed at once": (Report("up_1", State.FAILED), Stage.REFUND, "provider_failed", ["upscale.failed"]),
    "no answer": (Unknown("time-out"), Stage.WATCH, None, []),
    "the picture is refused": (PictureRefused("422"), Stage.REFUND, "picture_refused", ["upscale.failed"]),
}


@pytest.mark.parametrize(("answer", "to", "reason", "emits"), MOVES.values(), ids=MOVES.keys())
def test_an_answer_moves_the_order(answer: SubmitAnswer, to: Stage, reason: str | None, emits: list[str]) -> None:
    outcome = decide(a_job(), 1, answer)

    assert isinstance(outcome, Move)
    assert (outcome.to, outcome.failure_reason) == (to, reason)
    assert [event.name for event in outcome.emit] == emits


def test_an_unknown_submission_is_given_its_time() -> None:
    outcome = decide(a_job(), 1, Unknown("time-out"))

    assert isinstance(outcome, Move)
    assert outcome.wake_s == 900


def test_a_submission_whose_answer_was_lost_and_whose_webhook_came_is_watched_at_once() -> None:
    outcome = decide(a_job(), 1, Unknown("time-out"), told_by_webhook=True)

    assert isinstance(outcome, Move)
    assert (outcome.to, outcome.wake_s) == (Stage.WATCH, None)
    assert [event.name for event in outcome.emit] == ["upscale.submitted"]


WAITS: dict[str, tuple[SubmitAnswer | TooLate, float, float, bool]] = {
    "refused connection": (NotAccepted("refused", busy=False), 54, 66, True),
    "busy": (NotAccepted("429", busy=True), 54, 66, False),
    "busy, and says until when": (NotAccepted("429", busy=True, retry_after_s=7), 7, 7, False),
    "our key": (OurTrouble("401"), 60, 60, False),
    "the claim ran out": (TooLate(), 0, 0, False),
}


@pytest.mark.parametrize(("answer", "low", "high", "counted"), WAITS.values(), ids=WAITS.keys())
def test_waiting_is_no_failure_but_trouble_on_the_way_is(
    answer: SubmitAnswer | TooLate,
    low: float,
    high: float,
    counted: bool,  # noqa: FBT001
) -> None:
    outcome = decide(a_job(), 1, answer)

    assert isinstance(outcome, Wait)
    assert low <= outcome.wake_s <= high
    assert outcome.counted is counted


def test_a_claim_that_is_over_is_not_used() -> None:
    assert isinstance(LANE.ask(Ask(Claim(JOB, 1, 1), None, start_before=0)), TooLate)  # type: ignore[arg-type]


def test_the_provider_is_told_where_to_call_back_with_a_signature_of_that_attempt() -> None:
    submissions = {LANE._submission(a_job(), attempt).webhook_url for attempt in (1, 2)}  # noqa: SLF001

    assert len({url.rpartition("sig=")[2] for url in submissions}) == 2
    assert all(url.startswith("https://pictures.example.com/smi-webhook/upsampler/?job=") for url in submissions)


def test_an_upload_is_handed_over_by_an_address_of_ours() -> None:
    url = LANE._submission(a_job(source_kind="upload"), 1).image_url  # noqa: SLF001

    assert url.startswith(f"https://pictures.example.com/source/{JOB}/")
