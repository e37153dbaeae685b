"""The rows of outside effects: claims, answers that come late, and what the database itself refuses to have twice."""

import contextlib
import uuid
from typing import Any

import psycopg
import pytest

from common import attempts, capacity, links, sources
from common.attempts import AttemptState, Claim, Record
from common.database import Database, DatabaseAwayError
from services.finisher import deliveries, refunds
from services.finisher.deliveries import FetchClaim, StoredFile
from services.finisher.refunds import RefundRow
from services.notifier import mails
from services.notifier.mails import MailKey
from tests.integration.runtime.rig import Rig

LIFE_S = 3600.0


def _claim(desk: Rig, job: uuid.UUID, attempt: int = 1, number: int = 1, lease_s: float = 60) -> None:
    with desk.database.transaction() as tx:
        attempts.claim(tx, [Claim(job, attempt, number, again=number > 1)], lease_s)


def _record(desk: Rig, job: uuid.UUID, state: AttemptState, *, attempt: int = 1, **more: Any) -> None:
    ended = state in {AttemptState.SUCCEEDED, AttemptState.FAILED}
    with desk.database.transaction() as tx:
        attempts.record(tx, [Record(job, attempt, state, **({"ended": ended} | more))], LIFE_S)


def _state(desk: Rig) -> list[Any]:
    return desk.sql("SELECT state, ended_at IS NOT NULL, result_url FROM attempts ORDER BY attempt")


S = AttemptState
HISTORIES: dict[str, tuple[list[tuple[AttemptState, dict[str, Any]]], tuple[str, bool, str | None]]] = {
    "accepted": ([(S.OPEN, {"provider_id": "up_1"})], ("open", False, None)),
    "a late answer heals the unknown": ([(S.UNKNOWN, {}), (S.OPEN, {"provider_id": "up_1"})], ("open", False, None)),
    "failed stays failed": ([(S.FAILED, {}), (S.OPEN, {})], ("failed", True, None)),
    "succeeded stays succeeded": (
        [(S.SUCCEEDED, {"result_url": "u"}), (S.FAILED, {})],
        ("succeeded", True, "u"),
    ),
    "said failed, done later: it goes on the books": (
        [(S.FAILED, {}), (S.SUCCEEDED, {"result_url": "u"})],
        ("succeeded", True, "u"),
    ),
    "the link is that of the first success": (
        [(S.SUCCEEDED, {"result_url": "u"}), (S.SUCCEEDED, {"result_url": "other"})],
        ("succeeded", True, "u"),
    ),
}


@pytest.mark.parametrize(("answers", "expected"), HISTORIES.values(), ids=HISTORIES.keys())
def test_an_attempt_ends_once(
    desk: Rig, job: uuid.UUID, answers: list[tuple[AttemptState, dict[str, Any]]], expected: tuple[str, bool, str]
) -> None:
    _claim(desk, job)
    for state, more in answers:
        _record(desk, job, state, **more)

    assert _state(desk) == [expected]


def test_a_result_that_was_rejected_is_not_revived_by_a_late_look(desk: Rig, job: uuid.UUID) -> None:
    _claim(desk, job)
    _record(desk, job, S.SUCCEEDED, result_url="u")
    with desk.database.transaction() as tx:
        attempts.reject(tx, job, 1, "dimensions")
    _record(desk, job, S.SUCCEEDED, result_url="u")

    assert _state(desk) == [("failed", True, "u")]


def test_a_new_claim_on_what_was_not_accepted_counts_on(desk: Rig, job: uuid.UUID) -> None:
    _claim(desk, job)
    _record(desk, job, S.WAITING)
    _claim(desk, job, number=2)

    assert desk.sql("SELECT state, claim_no, answered_at FROM attempts") == [("claimed", 2, None)]


def test_places_are_counted_from_what_may_be_at_the_provider(desk: Rig) -> None:
    ids = desk.paid(6)
    for job_id, state in zip(ids, [None, S.OPEN, S.UNKNOWN, S.WAITING, S.FAILED, S.SUCCEEDED], strict=True):
        _claim(desk, job_id)
        if state:
            _record(desk, job_id, state)
    with desk.database.transaction() as tx:
        assert capacity.load(tx).in_flight == 3


def test_one_id_of_the_provider_belongs_to_one_attempt(desk: Rig) -> None:
    for job_id in desk.paid(2):
        _claim(desk, job_id)
    one, other = desk.sql("SELECT job_id FROM attempts")
    _record(desk, one[0], S.OPEN, provider_id="up_1")

    with pytest.raises(psycopg.errors.UniqueViolation):
        _record(desk, other[0], S.OPEN, provider_id="up_1")


READY = "ready"


def _mail(desk: Rig, key: MailKey, lease_s: float = 60) -> None:
    with desk.database.transaction() as tx:
        mails.claim(tx, [(key, f"<{key.local_id}@example.com>")], lease_s)


def _mail_answer(desk: Rig, key: MailKey, claim_no: int, state: str) -> list[Any]:
    with desk.database.transaction() as tx:
        mails.record(tx, [(key, claim_no, state, None)])
    return desk.sql("SELECT state, claim_no FROM mails")


def test_a_mail_is_one_row_however_often_it_is_claimed(desk: Rig, job: uuid.UUID) -> None:
    key = MailKey(READY, f"{job}:1", job)
    for _ in range(3):
        _mail(desk, key)

    assert desk.sql("SELECT state, claim_no FROM mails") == [("claimed", 3)]
    with pytest.raises(psycopg.errors.UniqueViolation):
        desk.sql("INSERT INTO mails (kind, about, state, claimed_until, message_id)"
                 " VALUES ('ready', %(about)s, 'claimed', now(), 'x')", about=key.about)  # fmt: skip


def test_an_old_claim_can_only_say_that_a_mail_was_accepted(desk: Rig, job: uuid.UUID) -> None:
    key = MailKey(READY, f"{job}:1", job)
    _mail(desk, key)
    _mail(desk, key)

    assert _mail_answer(desk, key, 1, "waiting") == [("claimed", 2)]
    assert _mail_answer(desk, key, 1, "failed") == [("claimed", 2)]
    assert _mail_answer(desk, key, 1, "sent") == [("sent", 2)]
    assert _mail_answer(desk, key, 2, "waiting") == [("sent", 2)]


def test_a_fetch_claim_exists_once_with_a_file_of_its_own(desk: Rig, job: uuid.UUID) -> None:
    _claim(desk, job)
    claim = FetchClaim(job, 1, 1)
    with desk.database.transaction() as tx:
        deliveries.claim(tx, [claim], 60)

    with pytest.raises(psycopg.errors.UniqueViolation), desk.database.transaction() as tx:
        deliveries.claim(tx, [claim], 60)


def test_a_stored_file_is_recorded_on_its_own_claim(desk: Rig, job: uuid.UUID) -> None:
    _claim(desk, job)
    with desk.database.transaction() as tx:
        deliveries.claim(tx, [FetchClaim(job, 1, 1), FetchClaim(job, 1, 2)], 60)
        deliveries.record(tx, [(FetchClaim(job, 1, 1), StoredFile(9, "00", "image/png", 4, 3))])
        running = deliveries.running(tx, [job])[job]

    assert running == [(FetchClaim(job, 1, 1), False), (FetchClaim(job, 1, 2), True)]


def test_a_new_link_ends_the_older_ones(desk: Rig, job: uuid.UUID) -> None:
    for generation in (1, 2, 3):
        with desk.database.transaction() as tx:
            assert links.next_generations(tx, [job]) == {job: generation}
            links.issue_links(tx, [(job, generation, bytes([generation]))], 60)

    assert desk.sql("SELECT generation FROM links WHERE revoked_at IS NULL") == [(3,)]


def test_what_the_database_refuses_about_one_row_is_no_outage(desk: Rig, job: uuid.UUID) -> None:
    _claim(desk, job)
    too_long = "x".join(str(uuid.uuid4()) for _ in range(400))  # more than an index row may hold

    with pytest.raises(psycopg.errors.ProgramLimitExceeded):
        _record(desk, job, S.OPEN, provider_id=too_long)


def test_a_database_that_is_not_there_is_away() -> None:
    pool = Database("postgresql://nobody@127.0.0.1:9/none", wait_s=0.2)
    pool.open()
    with contextlib.closing(pool), pytest.raises(DatabaseAwayError), pool.transaction():
        pass  # not reached


def test_a_connection_ended_by_the_server_is_an_outage(desk: Rig) -> None:
    with pytest.raises(DatabaseAwayError), desk.database.transaction() as tx:
        tx.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def test_a_claim_lasts_from_when_it_is_made_however_long_its_transaction_waited_for_a_lock(
    desk: Rig, job: uuid.UUID
) -> None:
    """A lane counts its margin from then: an older lease would end while it still asks."""
    key = MailKey("ready", f"{job}:1", job)
    with desk.database.transaction() as tx:
        tx.execute("SELECT pg_sleep(1.5)")
        attempts.claim(tx, [Claim(job, 1, 1)], 60)
        sources.claim(tx, [job], 60)
        deliveries.claim(tx, [FetchClaim(job, 1, 1)], 60)
        refunds.claim(
            tx, [RefundRow(uuid.uuid4(), job, 1, "claimed", 192, "timeout", "refund:1", 1, at_work=False)], 60
        )
        mails.claim_new(tx, [(key, "<ready@example.com>")], 60)
    held = desk.sql(
        """SELECT claimed_until >= transaction_timestamp() + interval '59 s' FROM (
               SELECT claimed_until FROM attempts UNION ALL SELECT claimed_until FROM sources UNION ALL
               SELECT claimed_until FROM deliveries UNION ALL SELECT claimed_until FROM refunds UNION ALL
               SELECT claimed_until FROM mails) claims"""
    )
    assert held == [(True,)] * 5
