"""An operator has a job done again: once per wish, never for nothing, never paid back twice."""

from collections.abc import Iterator
from uuid import UUID

import pytest

from common import attempts, jobs
from common.attempts import AttemptState
from common.database import Database, Transaction
from common.events import PaymentCompleted
from common.failures import failed
from common.lane import Question, Work
from common.outcomes import Move, Nothing, Outcome, Refuse
from common.stages import Stage, Status
from services.submitter.handler import Submit
from services.submitter.settings import SubmitterSettings
from tests.integration.life.rows import PLANS, fetching, moved, ordered, paid

SETTINGS = SubmitterSettings.model_validate(
    {
        "database_url": "unused",
        "amqp_url": "unused",
        "upsampler_url": "null:",
        "upsampler_api_key": "unused",
        "secret_key": "k" * 32,
        "public_url": "https://pictures.example",
        "storage_url": "memory:",
    }
)
COMPLETED = Move(Stage.ANNOUNCE, "completed", status=Status.COMPLETED)
REFUNDED = Move(Stage.ANNOUNCE, "refunded", status=Status.REFUNDED, refunded_cents=192)


@pytest.fixture
def tx(database_url: str) -> Iterator[Transaction]:
    database = Database(database_url)
    database.open()
    with database.transaction() as transaction:
        yield transaction
    database.close()


def _payment(tx: Transaction, job_id: UUID, *, override: bool, request_id: str | None = None) -> Question | Outcome:
    """Deliver `payment.completed`, and apply what the lane decides at once."""
    job = jobs.lock(tx, [job_id])[job_id]
    event = PaymentCompleted(job_id=job_id, admin_override=override, request_id=request_id)
    [step] = Submit(SETTINGS, PLANS).begin(tx, [Work(event, job)])
    if isinstance(step, Move):
        assert jobs.apply(tx, PLANS, "test", [(job, step)]) == {job_id}
    return step


def test_a_job_that_was_never_paid_is_refused_with_a_reason(tx: Transaction) -> None:
    outcome = _payment(tx, ordered(tx), override=True)
    assert isinstance(outcome, Refuse)
    assert "never paid" in outcome.reason


def test_the_same_override_five_times_is_one_attempt(tx: Transaction) -> None:
    job_id = moved(tx, ordered(tx), *fetching(), COMPLETED).job_id
    outcomes = [_payment(tx, job_id, override=True, request_id="r1") for _ in range(5)]
    assert [type(outcome) for outcome in outcomes] == [Move, Nothing, Nothing, Nothing, Nothing]
    assert len(attempts.of_jobs(tx, [job_id])[job_id]) == 1


def test_an_override_without_a_request_id_does_nothing_while_an_attempt_is_open(tx: Transaction) -> None:
    job_id = moved(tx, ordered(tx), paid()).job_id
    assert isinstance(_payment(tx, job_id, override=False), Question)
    assert isinstance(_payment(tx, job_id, override=True), Nothing)


def test_an_override_leads_to_an_ordinary_claim_on_its_own_attempt(tx: Transaction) -> None:
    job_id = moved(tx, ordered(tx), *fetching(), COMPLETED).job_id
    _payment(tx, job_id, override=True, request_id="r1")
    assert isinstance(_payment(tx, job_id, override=False), Question)
    [attempt] = attempts.of_jobs(tx, [job_id])[job_id]
    assert (attempt.request_id, attempt.state, attempt.claim_no) == ("r1", AttemptState.CLAIMED, 1)


def test_a_delivered_job_whose_override_fails_falls_back_to_its_file(tx: Transaction) -> None:
    job_id = moved(tx, ordered(tx), *fetching(), COMPLETED).job_id
    _payment(tx, job_id, override=True, request_id="r1")
    job = jobs.lock(tx, [job_id])[job_id]
    after = moved(tx, job_id, failed(job, "timeout"))
    assert (after.stage, after.status) == (Stage.KEEP, Status.COMPLETED)


def test_a_refunded_job_is_reopened_with_nothing_left_to_refund(tx: Transaction) -> None:
    job = moved(tx, ordered(tx), *fetching())
    job_id = moved(tx, job.job_id, failed(job, "timeout"), REFUNDED).job_id
    _payment(tx, job_id, override=True, request_id="r1")
    again = jobs.lock(tx, [job_id])[job_id]
    assert (again.stage, again.status) == (Stage.SUBMIT, Status.PENDING)
    assert again.charged_cents == again.refunded_cents
    assert not again.failure_reason


def test_an_open_refund_cannot_be_overridden(tx: Transaction) -> None:
    job = moved(tx, ordered(tx), *fetching())
    moved(tx, job.job_id, failed(job, "timeout"))
    tx.execute(
        """INSERT INTO refunds (refund_id, job_id, number, state, amount_cents, reason, idempotency_key, claimed_until)
           VALUES (gen_random_uuid(), %(job)s, 1, 'pending', 192, 'timeout', 'refund:x:1', now())""",
        {"job": job.job_id},
    )
    assert _payment(tx, job.job_id, override=True, request_id="r1") == Nothing("its refund is open")
