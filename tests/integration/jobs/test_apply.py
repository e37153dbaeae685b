"""Changes of jobs in the real database: conditional, with their history, never without a wake-up."""

import threading
import uuid
from typing import Any

import psycopg
import pytest

from common import jobs, orders
from common.attention import raise_attention
from common.database import Transaction
from common.outcomes import Move, Payment, Wait
from common.stages import Stage, Status
from tests.integration.runtime.rig import Rig, an_order

TO_WATCH = Move(Stage.WATCH, "submitted", {"attempt": 1}, status=Status.PROCESSING, attempt=1)


def _apply(desk: Rig, *changes: tuple[jobs.Job, Move | Wait]) -> set[uuid.UUID]:
    with desk.database.transaction() as tx:
        return jobs.apply(tx, desk.plans, "tests", changes)


def _wakes_in(desk: Rig, job: uuid.UUID) -> float:
    ((seconds,),) = desk.sql("SELECT extract(epoch FROM wake_at - now())::float8 FROM jobs WHERE job_id = %(j)s", j=job)
    return float(seconds)


def test_a_move_changes_the_job_and_writes_its_history(desk: Rig) -> None:
    (job_id,) = desk.paid()
    job = desk.job(job_id)

    assert _apply(desk, (job, TO_WATCH)) == {job_id}
    moved = desk.job(job_id)
    assert (moved.stage, moved.status, moved.attempt, moved.version) == (Stage.WATCH, Status.PROCESSING, 1, 3)
    history = desk.sql("SELECT actor, kind, from_stage, to_stage, detail FROM job_events ORDER BY event_id DESC")
    assert history[0] == ("tests", "submitted", "submit", "watch", {"attempt": 1})


def test_a_job_that_moved_meanwhile_is_left_alone(desk: Rig) -> None:
    (job_id,) = desk.paid()
    seen = desk.job(job_id)
    _apply(desk, (seen, Wait(5)))

    assert _apply(desk, (seen, TO_WATCH)) == set()
    assert desk.stage(job_id) is Stage.SUBMIT
    assert desk.sql("SELECT count(*) FROM job_events WHERE kind = 'submitted'") == [(0,)]


def test_of_a_batch_only_the_expected_move(desk: Rig) -> None:
    ids = desk.paid(10)
    seen = [desk.job(job_id) for job_id in ids]
    _apply(desk, *((job, Wait(5)) for job in seen[::2]))

    assert _apply(desk, *((job, TO_WATCH) for job in seen)) == set(ids[1::2])


ONE_OF_EACH = [
    TO_WATCH,
    Wait(5, counted=True, kind="stumbled", detail={"why": 'a "quoted" {word}'}),
    Move(
        Stage.REFUND,
        "failed",
        {"why": "x"},
        (),
        Status.FAILED,
        failure_reason="promise",
        failure_detail="late",
        hold="",
    ),
    Move(Stage.SUBMIT, "paid", payment=Payment(192, None, "anna@example.org", 60), status=Status.PENDING),
    Move(Stage.SETTLED, "files_removed", wake_s=0),
]


@pytest.mark.parametrize("change", ONE_OF_EACH, ids=lambda change: change.kind)
def test_alone_a_change_does_what_it_does_in_a_crowd(desk: Rig, change: Move | Wait) -> None:
    """Alone its columns travel as values, of several as arrays."""
    ids = desk.paid(3)
    seen = [desk.job(job_id) for job_id in ids]
    for alone_or_not in (seen[:1], seen[1:]):
        assert _apply(desk, *((job, change) for job in alone_or_not)) == {job.job_id for job in alone_or_not}

    rows = desk.sql(
        """SELECT DISTINCT to_jsonb(j) - '{job_id,ticket,created_at,email}'::text[]
                  - (SELECT array_agg(column_name::text) FROM information_schema.columns
                     WHERE table_name = 'jobs' AND data_type LIKE 'timestamp%%'),
                  j.email, e.actor, e.kind, e.from_stage, e.to_stage, e.detail, j.wake_at > now()
           FROM jobs j JOIN job_events e USING (job_id)
           WHERE e.event_id = (SELECT max(event_id) FROM job_events WHERE job_id = j.job_id)"""
    )
    assert len(rows) == 1
    assert rows[0][3] == change.kind


def test_history_and_change_are_one(desk: Rig) -> None:
    (job_id,) = desk.paid()
    job = desk.job(job_id)
    with desk.database.transaction() as tx:
        jobs.apply(tx, desk.plans, "tests", [(job, TO_WATCH)])
        tx.rollback()

    assert desk.stage(job_id) is Stage.SUBMIT
    assert desk.sql("SELECT count(*) FROM job_events WHERE kind = 'submitted'") == [(0,)]


def test_no_job_may_stand_without_a_wake_up(desk: Rig) -> None:
    desk.paid()

    with pytest.raises(psycopg.errors.CheckViolation, match="unsettled_jobs_wake"):
        desk.sql("UPDATE jobs SET wake_at = NULL")


@pytest.mark.parametrize("change", ["stage = 'settled'", "settled_at = now()"])
def test_settled_is_a_stage_and_an_instant(desk: Rig, change: str) -> None:
    desk.paid()

    with pytest.raises(psycopg.errors.CheckViolation, match="settled_is_a_stage"):
        desk.sql(f"UPDATE jobs SET {change}")


def test_a_settled_job_sleeps_for_good_and_can_be_woken(desk: Rig) -> None:
    (job_id,) = desk.paid()
    _apply(desk, (desk.job(job_id), Move(Stage.SETTLED, "done", status=Status.COMPLETED)))
    assert desk.sql("SELECT wake_at, settled_at IS NOT NULL FROM jobs") == [(None, True)]

    _apply(desk, (desk.job(job_id), Move(Stage.SUBMIT, "again")))
    assert desk.sql("SELECT wake_at IS NOT NULL, settled_at FROM jobs") == [(True, None)]


WAKES: dict[str, tuple[float, Move | Wait, float]] = {
    "the stage's first wait": (3600, TO_WATCH, 30),
    "a wait of its own": (3600, Wait(200), 200),
    "at once": (3600, Move(Stage.SUBMIT, "again", wake_s=0), 0),
    "the promise, when it comes first": (50, Wait(200), 50),
    "the promise before a stage's wait": (10, TO_WATCH, 10),
    "a promise kept binds no more": (50, Move(Stage.ANNOUNCE, "c", status=Status.COMPLETED), 60),
    "nor one that was broken": (50, Move(Stage.REFUND, "f", status=Status.FAILED), 60),
}


@pytest.mark.parametrize(("promise_s", "change", "expected"), WAKES.values(), ids=WAKES.keys())
def test_a_job_wakes_for_its_next_step_or_its_promise(
    desk: Rig, promise_s: float, change: Move | Wait, expected: float
) -> None:
    (job_id,) = desk.paid(promise_s=promise_s)
    _apply(desk, (desk.job(job_id), change))

    assert expected - 5 <= _wakes_in(desk, job_id) <= expected


COUNTS: dict[str, tuple[Move | Wait, tuple[int, int]]] = {
    "a failure is counted": (Wait(1, counted=True), (3, 4)),
    "waiting for others is neither a failure nor standing still": (Wait(1), (2, 0)),
    "progress starts again": (TO_WATCH, (0, 0)),
}


@pytest.mark.parametrize(("change", "expected"), COUNTS.values(), ids=COUNTS.keys())
def test_tries_and_wakes_are_counted(desk: Rig, change: Move | Wait, expected: tuple[int, int]) -> None:
    (job_id,) = desk.paid()
    desk.sql("UPDATE jobs SET wakes = 4, tries = 2")
    _apply(desk, (desk.job(job_id), change))

    assert (desk.job(job_id).tries, desk.job(job_id).wakes) == expected


def test_instants_are_those_of_the_first_time(desk: Rig) -> None:
    (job_id,) = desk.paid()
    _apply(desk, (desk.job(job_id), Move(Stage.REFUND, "f", status=Status.FAILED, failure_reason="timeout")))
    first = desk.sql("SELECT failed_at, failure_reason FROM jobs")
    _apply(desk, (desk.job(job_id), Move(Stage.REFUND, "f", status=Status.FAILED)))

    assert desk.sql("SELECT failed_at, failure_reason FROM jobs") == first


def test_a_hold_is_due_for_review_when_the_job_next_wakes_and_can_be_released(desk: Rig) -> None:
    (job_id,) = desk.paid()
    _apply(desk, (desk.job(job_id), Move(Stage.SUBMIT, "odd", hold="the amount differs")))
    held = desk.sql("SELECT hold_reason, review_at = wake_at FROM jobs")
    _apply(desk, (desk.job(job_id), TO_WATCH))
    kept = desk.job(job_id).held
    _apply(desk, (desk.job(job_id), Move(Stage.WATCH, "released", hold="")))

    assert (held, kept) == ([("the amount differs", True)], True)
    assert desk.sql("SELECT hold_reason, review_at FROM jobs") == [(None, None)]


def test_an_open_reason_is_not_opened_twice_and_a_closed_one_again(desk: Rig) -> None:
    (job_id,) = desk.paid()
    for _ in range(2):
        with desk.database.transaction() as tx:
            raise_attention(tx, [(job_id, "held", "x"), (job_id, "stuck", "y")])
        desk.sql("UPDATE attention SET closed_at = now() WHERE reason = 'stuck'")

    assert desk.sql("SELECT reason, count(*) FROM attention GROUP BY reason ORDER BY 1") == [("held", 1), ("stuck", 2)]


def test_two_batches_in_opposite_orders_do_not_deadlock(desk: Rig) -> None:
    ids = desk.paid(20)
    failures: list[BaseException] = []

    def wait_all(order: list[uuid.UUID]) -> None:
        try:
            for _ in range(50):
                with desk.database.transaction() as tx:
                    known = jobs.lock(tx, order)
                    jobs.apply(tx, desk.plans, "tests", [(known[job_id], Wait(60)) for job_id in order])
        except psycopg.Error as error:
            failures.append(error)

    threads = [threading.Thread(target=wait_all, args=[order]) for order in (ids, ids[::-1])]
    _run(threads)

    assert failures == []
    assert {desk.job(job_id).version for job_id in ids} == {102}


def _run(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_of_many_who_decide_from_the_same_row_one_wins(desk: Rig) -> None:
    (job_id,) = desk.paid()
    seen, won = desk.job(job_id), list[Any]()

    def move() -> None:
        won.extend(_apply(desk, (seen, TO_WATCH)))

    _run([threading.Thread(target=move) for _ in range(8)])

    assert won == [job_id]
    assert desk.sql("SELECT count(*) FROM job_events WHERE kind = 'submitted'") == [(1,)]


def test_a_payment_is_written_with_its_promise_and_keeps_a_given_address(desk: Rig) -> None:
    job_id = uuid.uuid4()
    paid = Move(Stage.SUBMIT, "paid", status=Status.PENDING, payment=Payment(192, "pi_1", "other@example.com", 3600))
    with desk.database.transaction() as tx:
        orders.create(tx, desk.plans, "tests", an_order(job_id))
        jobs.apply(tx, desk.plans, "tests", [(_one(tx, job_id), paid)])

    row = desk.sql("SELECT charged_cents, payment_intent, email, paid_at IS NOT NULL, promise_at - paid_at FROM jobs")
    assert row[0][:4] == (192, "pi_1", "kim@example.com", True)
    assert row[0][4].total_seconds() == 3600


def _one(tx: Transaction, job_id: uuid.UUID) -> jobs.Job:
    return jobs.lock(tx, [job_id])[job_id]
