"""A lane on the real broker and database: what is acknowledged, what is refused, and who is left alone."""

import threading
import time
import uuid
from collections.abc import Sequence

import psycopg
from psycopg.errors import LockNotAvailable, QueryCanceled

from common.database import Transaction
from common.jobs import Job
from common.lane import Question, Work
from common.outcomes import Outcome
from common.stages import Stage, Status
from services.submitter.handler import Submit
from services.submitter.settings import SubmitterSettings
from tests.integration.locks import await_second_try
from tests.integration.runtime.rig import Rig, TinyLane, steadily
from tests.integration.sandbox.standin import until
from tests.unit import builders

IN, OUT, DEAD = "submitter.payment.completed", "poller.upscale.submitted", "submitter.payment.completed.dead"


class ClaimsTwice(TinyLane):
    """Its first transaction for several fails after every question was made; then each goes by itself."""

    failed = False

    def begin(self, tx: Transaction, work: Sequence[Work]) -> Sequence[Question | Outcome]:
        questions = super().begin(tx, work)
        if len(work) > 1 and not self.failed:
            self.failed = True
            raise ZeroDivisionError
        return questions


class Slow(TinyLane):
    """What it asks about these jobs takes as long as it takes."""

    slow: frozenset[uuid.UUID] = frozenset()

    def _step(self, job: Job) -> Question | Outcome:
        step = super()._step(job)
        return step._replace(slow=job.job_id in self.slow) if isinstance(step, Question) else step


def test_no_quick_question_waits_behind_slow_ones(rig: Rig) -> None:
    waiting, over = rig.paid(2 * TinyLane.threads), threading.Event()
    (quick,) = rig.paid()
    lane = Slow(lambda job_id: over.wait(60) if job_id != quick else "fine")
    lane.slow = frozenset(waiting)
    with rig.running(lane):
        rig.pay(*waiting)
        until(lambda: len(lane.asked) == TinyLane.threads)
        rig.pay(quick)
        until(lambda: rig.stage(quick) is Stage.WATCH)
        assert rig.all_in(Stage.SUBMIT, waiting)
        over.set()
        until(lambda: rig.all_in(Stage.WATCH, waiting))


def test_a_delivery_moves_its_job_and_emits_what_follows(rig: Rig) -> None:
    ids, lane = rig.paid(20), TinyLane()
    with rig.running(lane):
        rig.pay(*ids)
        until(lambda: rig.depth(OUT) == 20)

    assert rig.all_in(Stage.WATCH, ids)
    assert rig.depth(IN) == rig.depth(DEAD) == 0
    assert sorted(lane.asked) == sorted(ids)
    kinds = rig.sql("SELECT kind FROM job_events WHERE job_id = %(job)s ORDER BY event_id", job=ids[0])
    assert kinds == [("ordered",), ("paid",), ("submitted",)]


def test_a_redelivery_of_finished_work_emits_the_same_again_and_asks_nothing(rig: Rig) -> None:
    (job,), lane = rig.paid(), TinyLane()
    with rig.running(lane):
        rig.pay(job)
        until(lambda: rig.depth(OUT) == 1)
        rig.pay(job)
        until(lambda: rig.depth(OUT) == 2)

    assert lane.asked == [job]
    assert rig.job(job).version == 3


def test_a_second_delivery_of_a_job_is_handled_after_the_first(rig: Rig) -> None:
    (job,), lane = rig.paid(), TinyLane(lambda _job: time.sleep(0.2))
    with rig.running(lane):
        pass  # the topology stands
    rig.pay(job, job, job)
    with rig.running(lane):
        until(lambda: rig.stage(job) is Stage.WATCH)
        until(lambda: rig.depth(OUT) >= 1)

    moves = rig.sql("SELECT count(*) FROM job_events WHERE job_id = %(job)s AND kind = 'submitted'", job=job)
    assert moves == [(1,)]
    assert rig.depth(IN) == rig.depth(DEAD) == 0


def test_a_malformed_message_becomes_a_dead_letter_with_its_reason(rig: Rig) -> None:
    (job,) = rig.paid()
    with rig.running(TinyLane()):
        rig.publish(b"{nonsense", b"[" * 100_000, b'{"job_id": "7"}')
        rig.pay(job)
        until(lambda: rig.depth(DEAD) == 3)
        until(lambda: rig.stage(job) is Stage.WATCH)

    letters = rig.take(DEAD)
    assert letters[0][0] == b"{nonsense"
    assert ["not JSON" in letters[0][1].headers["x-reason"], letters[0][1].headers["x-queue"]] == [True, IN]
    assert "nested too deeply" in letters[1][1].headers["x-reason"]
    until(lambda: rig.depth(IN) == 0)


def test_a_message_about_no_job_becomes_a_dead_letter(rig: Rig) -> None:
    stranger = uuid.uuid4()
    with rig.running(TinyLane()):
        rig.pay(stranger)
        until(lambda: rig.depth(DEAD) == 1)

    ((_, properties),) = rig.take(DEAD)
    assert properties.headers["x-reason"] == f"no job has the id {stranger}"


def test_a_refusal_of_any_length_reaches_the_dead_letter_queue(rig: Rig) -> None:
    unknown = ", ".join(f'"field{n}": 1' for n in range(20_000))
    with rig.running(TinyLane()):
        rig.publish(f"{{{unknown}}}".encode())
        until(lambda: rig.depth(DEAD) == 1)

    until(lambda: rig.depth(IN) == 0)


def _crash(_job: uuid.UUID) -> object:
    raise ZeroDivisionError


def test_a_question_that_crashes_is_counted_and_waits(rig: Rig) -> None:
    bad, *good = ids = rig.paid(6)
    lane = TinyLane(lambda job: _crash(job) if job == bad else "fine")
    with rig.running(lane):
        rig.pay(*ids)
        until(lambda: rig.all_in(Stage.WATCH, good) and rig.job(bad).tries == 1)

    assert (rig.stage(bad), rig.depth(IN), rig.depth(DEAD)) == (Stage.SUBMIT, 0, 0)
    ((waits,),) = rig.sql("SELECT extract(epoch FROM wake_at - now()) FROM jobs WHERE job_id = %(job)s", job=bad)
    assert 40 < waits < 70


def test_one_bad_outcome_does_not_sink_its_neighbours(rig: Rig) -> None:
    bad, *good = ids = rig.paid(12)
    gate = threading.Barrier(4)
    lane = TinyLane(lambda _job: gate.wait(30), lambda job: _crash(job) if job == bad else None)
    with rig.running(lane):
        rig.pay(*ids)
        until(lambda: rig.all_in(Stage.WATCH, good) and rig.job(bad).tries == 1)

    assert rig.depth(OUT) == len(good)
    assert rig.depth(IN) == rig.depth(DEAD) == 0


def test_a_claim_that_was_rolled_back_is_claimed_again_before_anybody_is_asked(rig: Rig) -> None:
    ids, lane = rig.paid(20), ClaimsTwice()
    with rig.running(TinyLane()):
        pass  # the topology stands
    rig.pay(*ids)
    with rig.running(lane):
        until(lambda: rig.all_in(Stage.WATCH, ids))
    assert lane.failed
    assert sorted(lane.asked) == sorted(ids)


def test_an_answer_whose_commit_meets_a_passing_error_is_written_down_all_the_same(rig: Rig) -> None:
    (job,) = rig.paid()
    errors = iter([LockNotAvailable(), QueryCanceled()])
    lane = TinyLane(judge=lambda _job: _raise(next(errors, None)))
    with rig.running(lane):
        rig.pay(job)
        until(lambda: rig.stage(job) is Stage.WATCH)
    assert lane.asked == [job], "what was asked is not asked again"
    assert rig.job(job).tries == 0


def _raise(error: Exception | None) -> None:
    if error:
        raise error


def test_an_overdue_promise_fails_the_job_before_its_stage_is_asked(rig: Rig) -> None:
    (job,), lane = rig.paid(promise_s=-1), TinyLane()
    with rig.running(lane):
        rig.pay(job)
        until(lambda: rig.depth("finisher.upscale.failed") == 1)

    assert lane.asked == []
    assert (rig.job(job).stage, rig.job(job).status) == (Stage.REFUND, Status.FAILED)
    assert rig.job(job).failure_reason == "promise"


def test_a_held_job_is_acknowledged_and_left_alone(rig: Rig) -> None:
    (job,), lane = rig.paid(), TinyLane()
    rig.sql("UPDATE jobs SET hold_reason = 'looks odd'")
    with rig.running(lane):
        rig.pay(job)
        until(lambda: rig.depth(IN) == 0)
        assert steadily(lambda: rig.stage(job) is Stage.SUBMIT, 0.3)

    assert (lane.asked, rig.depth(OUT)) == ([], 0)


def test_a_held_job_past_its_promise_is_refunded_all_the_same(rig: Rig) -> None:
    (job,) = rig.paid(promise_s=-1)
    rig.sql("UPDATE jobs SET hold_reason = 'looks odd', review_at = now()")
    with rig.running(TinyLane()):
        rig.pay(job)
        until(lambda: rig.stage(job) is Stage.REFUND)

    assert not rig.job(job).held, "the refund lane leaves held jobs alone: this one would wait for ever"


def test_a_row_that_somebody_holds_sinks_neither_the_lane_nor_its_neighbours(rig: Rig) -> None:
    stuck, free = rig.paid(2)
    lane = TinyLane()
    with psycopg.connect(rig.database_url) as person, rig.running(lane) as runner:
        person.execute("SELECT 1 FROM jobs WHERE job_id = %s FOR UPDATE", [stuck])
        rig.pay(stuck, free)
        until(lambda: rig.sql("SELECT stage FROM jobs WHERE job_id = %(job)s", job=free) == [("watch",)])
        until(lambda: rig.depth(IN) == 0)
        assert steadily(lambda: runner.alive, 3)


def test_a_drained_lane_leaves_nothing_half_done(rig: Rig) -> None:
    ids, lane = rig.paid(8), TinyLane(lambda _job: time.sleep(0.1))
    with rig.running(lane):
        rig.pay(*ids)
        until(lambda: len(lane.asked) > 1)

    begun = set(lane.asked)
    assert rig.all_in(Stage.WATCH, list(begun))
    until(lambda: rig.depth(OUT) == len(begun))
    until(lambda: rig.depth(IN) == len(ids) - len(begun))  # no finished delivery came back


def test_an_override_whose_first_delivery_meets_a_locked_row_still_overrides(rig: Rig) -> None:
    """Nothing else would repeat a person's wish: the job's own wake-up carries no override."""
    (job,) = rig.paid()
    rig.sql("UPDATE jobs SET stage = 'keep', completed_at = now(), status = 'completed'")
    lane = Submit(builders.settings(SubmitterSettings, upsampler_url="null:"), rig.plans)
    with rig.running(lane):
        with psycopg.connect(rig.database_url) as other:
            other.execute("SELECT 1 FROM jobs WHERE job_id = %s FOR UPDATE", [job])
            rig.publish(f'{{"job_id": "{job}", "admin_override": true}}'.encode())
            await_second_try(rig.database_url)
        until(lambda: rig.depth(OUT) >= 1)

    assert rig.sql("SELECT attempt, admin_override FROM attempts") == [(1, True)]
    assert rig.depth(DEAD) == 0


def test_an_override_of_an_order_past_its_promise_sets_a_new_one(rig: Rig) -> None:
    (job,) = rig.paid(promise_s=-1)
    lane = Submit(builders.settings(SubmitterSettings, upsampler_url="null:"), rig.plans)
    with rig.running(lane):
        rig.publish(f'{{"job_id": "{job}", "admin_override": true}}'.encode())
        until(lambda: rig.depth(OUT) >= 1)

    assert rig.sql("SELECT promise_at > now(), failed_at FROM jobs") == [(True, None)]
