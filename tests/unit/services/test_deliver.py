"""What the deliver lane decides, as tables."""

import time
from typing import Any

import pytest

from common.attempts import Attempt
from common.events import FileExpired, UpscaleDone
from common.lane import Answered, Question, Work
from common.outcomes import Move, Nothing, Wait
from common.pictures.facts import Unfit
from common.stages import Stage, Status
from services.finisher import handler_deliver
from services.finisher.deliveries import FetchClaim, StoredFile
from services.finisher.handler_deliver import Deliver, Remove, Removed
from services.finisher.results import Barred, Failed, Fetch, Gone, TooLate
from services.finisher.settings import DeliverSettings
from tests.unit.builders import JOB, a_job, an_attempt, settings, the_plans

LANE = Deliver(settings(DeliverSettings), the_plans())
step = LANE._step  # noqa: SLF001 - the decision itself
decide = LANE._decide  # noqa: SLF001
DONE, EXPIRED = UpscaleDone(job_id=JOB), FileExpired(job_id=JOB)
FETCHING = a_job(Stage.FETCH, Status.PROCESSING, attempt=1)
WON = an_attempt("succeeded")
Claims = list[tuple[FetchClaim, bool]]


def _fetch(attempt: int = 1, claim_no: int = 1) -> Fetch:
    return Fetch(FetchClaim(JOB, attempt, claim_no), "https://cdn.example/1.png", (1600, 1200), 4)


CLAIMS: dict[str, tuple[Claims, bool, Any]] = {
    "a result is fetched": ([], False, Question(_fetch())),
    "a running fetch is left alone": ([(FetchClaim(JOB, 1, 1), True)], False, Nothing("being fetched")),
    "a redelivery's fetcher is gone": ([(FetchClaim(JOB, 1, 1), True)], True, Question(_fetch(claim_no=2))),
    "a claim that ran out is followed by the next": (
        [(FetchClaim(JOB, 1, 1), False), (FetchClaim(JOB, 1, 2), False)],
        False,
        Question(_fetch(claim_no=3)),
    ),
    "a fetch of another attempt is another matter": ([(FetchClaim(JOB, 9, 1), True)], False, Question(_fetch())),
}


@pytest.mark.parametrize(("claims", "redelivered", "expected"), CLAIMS.values(), ids=CLAIMS.keys())
def test_a_result_is_fetched_under_a_claim(claims: Claims, redelivered: bool, expected: Any) -> None:  # noqa: FBT001
    assert step(Work(DONE, FETCHING, redelivered), [WON], claims) == expected


LOST = {
    "its link is dead": [an_attempt("succeeded", result_dead=True)],
    "it has no link": [an_attempt("succeeded", result_url=None)],
    "it was rejected": [an_attempt("failed")],
    "there is no such attempt": [],
}


@pytest.mark.parametrize("tried", LOST.values(), ids=LOST.keys())
def test_a_lost_result_needs_another_attempt(tried: list[Attempt]) -> None:
    outcome = step(Work(DONE, FETCHING), tried, [])

    assert outcome == Move(Stage.SUBMIT, "result_lost", {"attempt": 1}, wake_s=0)


@pytest.mark.parametrize("stage", sorted(set(Stage) - {Stage.FETCH, Stage.ANNOUNCE}))
def test_a_forged_success_fetches_nothing(stage: Stage) -> None:
    assert step(Work(DONE, a_job(stage)), [WON], []) == Nothing(f"in stage {stage}")


def test_a_redelivery_after_completion_emits_the_same_again() -> None:
    outcome = step(Work(DONE, a_job(Stage.ANNOUNCE, Status.COMPLETED)), [WON], [])

    assert isinstance(outcome, Nothing)
    assert [event.name for event in outcome.emit] == ["job.completed"]


def test_a_refunded_job_is_not_announced_as_complete() -> None:
    assert step(Work(DONE, a_job(Stage.ANNOUNCE, Status.REFUNDED)), [WON], []) == Nothing("in stage announce")


@pytest.mark.parametrize("stage", sorted(set(Stage) - {Stage.KEEP}))
def test_a_forged_expiry_removes_nothing(stage: Stage) -> None:
    assert step(Work(EXPIRED, a_job(stage)), [WON], []) == Nothing(f"in stage {stage}")


def test_files_are_removed_when_their_time_is_over() -> None:
    assert step(Work(EXPIRED, a_job(Stage.KEEP)), [WON], []) is handler_deliver.EXPIRED


def test_files_are_not_removed_while_one_may_still_be_written() -> None:
    outcome = step(Work(EXPIRED, a_job(Stage.KEEP)), [WON], [(FetchClaim(JOB, 1, 1), True)])

    assert isinstance(outcome, Wait)


STORED = StoredFile(1000, "00", "image/png", 1600, 1200)


def test_a_stored_result_completes_the_job() -> None:
    outcome = decide(FETCHING, _fetch(), STORED)

    assert isinstance(outcome, Move)
    assert (outcome.to, outcome.status) == (Stage.ANNOUNCE, Status.COMPLETED)
    assert [event.name for event in outcome.emit] == ["job.completed"]


def test_a_result_that_our_own_settings_bar_costs_no_attempt() -> None:
    outcome = decide(FETCHING, _fetch(), Barred("the host cdn.example is not on the list"))

    assert isinstance(outcome, Wait)
    assert (outcome.kind, outcome.counted) == ("result_barred", True)


BAD = {"check_failed": Unfit("dimensions", "1 x 1 instead of 1600 x 1200"), "result_gone": Gone("404")}


@pytest.mark.parametrize(("kind", "answer"), BAD.items())
def test_a_bad_result_gets_one_more_attempt(kind: str, answer: Unfit | Gone) -> None:
    outcome = decide(FETCHING, _fetch(), answer)

    assert isinstance(outcome, Move)
    assert (outcome.to, outcome.kind, outcome.wake_s, outcome.emit) == (Stage.SUBMIT, kind, 0, ())


@pytest.mark.parametrize(("kind", "answer"), BAD.items())
def test_a_second_bad_result_is_refunded(kind: str, answer: Unfit | Gone) -> None:
    outcome = decide(a_job(Stage.FETCH, attempt=2), _fetch(2), answer)

    assert isinstance(outcome, Move)
    assert (outcome.to, outcome.failure_reason, outcome.status) == (Stage.REFUND, kind, Status.FAILED)
    assert [event.name for event in outcome.emit] == ["upscale.failed"]


def test_a_persons_decision_gives_two_results_again() -> None:
    outcome = decide(a_job(Stage.FETCH, attempt=6, attempts_base=5), _fetch(6), Gone("404"))

    assert isinstance(outcome, Move)
    assert outcome.to is Stage.SUBMIT


def test_a_fetch_whose_claim_ran_out_in_the_line_is_put_back() -> None:
    late = _fetch()._replace(start_before=time.monotonic() - 1)

    answer = LANE.ask(late)
    outcome = decide(FETCHING, late, answer)

    assert answer == TooLate()
    assert isinstance(outcome, Nothing)
    assert [event.name for event in outcome.emit] == ["upscale.done"]


def test_a_claimed_fetch_knows_until_when_it_may_start() -> None:
    step = handler_deliver._with_source(Question(_fetch()), {}, 5.0)  # noqa: SLF001
    assert isinstance(step, Question)
    assert step.about.start_before == 5.0


def test_a_picture_whose_decoder_is_killed_each_time_is_too_costly() -> None:
    told = handler_deliver._told  # noqa: SLF001
    killed = Answered(Work(DONE, a_job(Stage.FETCH, tries=2)), _fetch(), Failed("killed", killed=True))

    assert told(killed, 1).answer == Failed("killed", killed=True)  # the other failure was of another kind
    assert told(killed, 2).answer == Unfit("too_costly", "killed")
    cut = Answered(Work(DONE, a_job(Stage.FETCH, tries=9)), _fetch(), Failed("connection reset"))
    assert told(cut, 9) is cut


def test_a_lane_of_pictures_leaves_the_others_to_new_replicas() -> None:
    told = {"prefetch": 768, "finish_threads": 2}

    assert Deliver(settings(DeliverSettings, **told), the_plans()).prefetch == 8
    assert Deliver(settings(DeliverSettings, **told, upsampler_url="null:"), the_plans()).prefetch == 768


@pytest.mark.parametrize("stage", [Stage.FETCH, Stage.KEEP])
def test_what_did_not_work_this_time_is_counted_and_tried_again(stage: Stage) -> None:
    outcome = decide(a_job(stage, attempt=1), _fetch(), Failed("connection reset"))

    assert isinstance(outcome, Wait)
    assert outcome.counted


LATE: dict[str, tuple[Any, Any]] = {
    "the job was refunded meanwhile": (a_job(Stage.REFUND, Status.FAILED, attempt=1), STORED),
    "another attempt is being fetched": (a_job(Stage.FETCH, attempt=2), STORED),
    "another attempt is being fetched, this was bad": (a_job(Stage.FETCH, attempt=2), Gone("404")),
    "it was delivered by another": (a_job(Stage.ANNOUNCE, Status.COMPLETED, attempt=1), STORED),
    "the job has settled": (a_job(Stage.SETTLED, attempt=1), STORED),
}


@pytest.mark.parametrize(("job", "answer"), LATE.values(), ids=LATE.keys())
def test_a_late_answer_moves_nothing(job: Any, answer: Any) -> None:
    assert isinstance(decide(job, _fetch(), answer), Nothing)


def test_removed_files_settle_the_job() -> None:
    outcome = decide(a_job(Stage.KEEP), Remove(("a", "b")), Removed())

    assert outcome == Move(Stage.SETTLED, "files_removed", {"files": 2})


def test_each_claim_has_a_file_of_its_own() -> None:
    keys = {FetchClaim(JOB, attempt, claim).file_key for attempt in (1, 2, 11) for claim in (1, 2, 11)}

    assert len(keys) == 9
