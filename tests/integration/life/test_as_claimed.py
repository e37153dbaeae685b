"""An answer that comes alone is finished from the row as its claim saw it, unless that has moved (decision 0038)."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg
import pytest

from common import attempts, jobs, links
from common.attempts import AttemptState, Claim, Record
from common.database import Database, Transaction
from common.deliveries import Delivery, Subscription
from common.events import Event, JobCompleted, UpscaleDone
from common.jobs import Job
from common.lane import Item, Lane
from common.metrics import Metrics
from common.outcomes import Move, Outcome
from common.runtime import LaneRunner
from common.stages import Stage, Status
from services.finisher.deliveries import StoredFile
from services.finisher.handler_deliver import Deliver
from services.finisher.settings import DeliverSettings
from services.notifier.handler import Notify
from services.notifier.settings import NotifierSettings
from services.notifier.smtp import Sent
from tests.integration.life.rows import PLANS, fetching, moved, ordered
from tests.integration.sandbox.standin import until
from tests.unit import builders

STORED = StoredFile(3, "ab", "image/png", 1804, 1200)
REFUND = Move(Stage.REFUND, "failed", status=Status.FAILED, failure_reason="promise")
RENEWED = Move(Stage.ANNOUNCE, "link_renewed", wake_s=60)
WAITING = """SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%moved_meanwhile%'"""
ON_ITS_WAY = Move(Stage.FETCH, "held", hold="a person looks at it")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(database_url)
    made.open()
    yield made
    made.close()


@pytest.fixture
def job_id(database: Database) -> UUID:
    """A paid order whose result waits to be fetched."""
    with database.transaction() as tx:
        made = ordered(tx)
        moved(tx, made, *fetching())
        attempts.claim(tx, [Claim(made, 1, 1)], 60)
        done = Record(made, 1, AttemptState.SUCCEEDED, ended=True, provider_id="up_1", result_url="u")
        attempts.record(tx, [done], 3600)
    return made


class Desk:
    """A lane's decisions about one order: claimed, and finished when a test says so."""

    def __init__(self, database: Database, lane: Lane) -> None:
        self.runner = LaneRunner(lane, database, PLANS, Metrics())

    def claimed(self, event: Event, answer: object) -> Item:
        delivery = Delivery(event.queue, b"", False, 1, 1, Subscription([], 1, lambda _delivery: None))  # noqa: FBT003 - not redelivered
        item = Item(delivery, event, 0.0)
        self.runner.decide([item])
        assert item.asked
        item.answer = answer
        return item

    def finished(self, item: Item) -> tuple[Job, Outcome]:
        [(_, job, outcome)] = self.runner.decide([item])
        assert job
        assert isinstance(outcome, Outcome)
        return job, outcome


@pytest.fixture
def fetch(database: Database) -> Desk:
    return Desk(database, Deliver(builders.settings(DeliverSettings), PLANS))


@pytest.fixture
def notify(database: Database) -> Desk:
    return Desk(database, Notify(builders.settings(NotifierSettings), PLANS))


def _now(database: Database, job_id: UUID) -> Job:
    with database.transaction() as tx:
        return jobs.lock(tx, [job_id])[job_id]


def _links(tx: Transaction, job_id: UUID) -> list[tuple[int, bool, bool]]:
    return tx.execute(
        """SELECT generation, revoked_at IS NULL, expires_at > now() + interval '1 hour' FROM links
           WHERE job_id = %s ORDER BY generation""",
        [job_id],
    ).fetchall()


def test_what_did_not_move_is_finished_without_reading_its_row_again(
    database: Database, job_id: UUID, fetch: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = fetch.claimed(UpscaleDone(job_id=job_id), STORED)
    with monkeypatch.context() as blind:
        blind.delattr(jobs, "lock")
        fetch.finished(item)

    assert _now(database, job_id).stage is Stage.ANNOUNCE
    with database.transaction() as tx:
        assert _links(tx, job_id) == [(1, True, True)]


def test_a_picture_that_comes_after_the_refund_began_gets_no_link(
    database: Database, job_id: UUID, fetch: Desk
) -> None:
    item = fetch.claimed(UpscaleDone(job_id=job_id), STORED)
    with database.transaction() as tx:
        moved(tx, job_id, REFUND)

    job, _ = fetch.finished(item)

    assert (job.stage, _now(database, job_id).status) == (Stage.REFUND, Status.FAILED)
    with database.transaction() as tx:
        assert _links(tx, job_id) == []
        assert tx.execute("SELECT sha256 FROM deliveries").fetchall() == [("ab",)]  # the answer is on its row


def test_a_refund_that_is_being_committed_is_waited_for(
    database: Database, database_url: str, job_id: UUID, fetch: Desk
) -> None:
    item = fetch.claimed(UpscaleDone(job_id=job_id), STORED)
    with ThreadPoolExecutor(1) as other:
        with database.transaction() as tx:
            moved(tx, job_id, REFUND)
            finishing = other.submit(fetch.finished, item)
            with psycopg.connect(database_url, autocommit=True) as watch:  # in a transaction activity stands still
                until(lambda: watch.execute(WAITING).fetchall() == [(1,)])
            assert not finishing.done()
        job, _ = finishing.result(20)

    assert job.stage is Stage.REFUND
    with database.transaction() as tx:
        assert _links(tx, job_id) == []


def test_after_an_outage_the_row_is_read_again(
    database: Database, job_id: UUID, fetch: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server that took over has another row under the number that the claim saw."""
    item = fetch.claimed(UpscaleDone(job_id=job_id), STORED)
    with database.transaction() as tx:
        tx.execute("UPDATE jobs SET attempt = 2 WHERE job_id = %s", [job_id])
    monkeypatch.setattr(fetch.runner._patient, "away_at", time.monotonic())  # noqa: SLF001 - as Patient sets it

    job, _ = fetch.finished(item)

    assert (job.stage, job.attempt) == (Stage.FETCH, 2)
    with database.transaction() as tx:
        assert _links(tx, job_id) == []


def test_what_moved_and_waits_all_the_same_goes_on_at_once(database: Database, job_id: UUID, fetch: Desk) -> None:
    item = fetch.claimed(UpscaleDone(job_id=job_id), STORED)
    with database.transaction() as tx:
        moved(tx, job_id, ON_ITS_WAY)

    fetch.finished(item)

    assert _now(database, job_id).stage is Stage.ANNOUNCE


def test_a_mail_with_an_older_link_does_not_stand_for_the_newer_ones(
    database: Database, job_id: UUID, fetch: Desk, notify: Desk
) -> None:
    fetch.finished(fetch.claimed(UpscaleDone(job_id=job_id), STORED))
    item = notify.claimed(JobCompleted(job_id=job_id), Sent())
    with database.transaction() as tx:
        moved(tx, job_id, RENEWED)
        links.issue_links(tx, [(job_id, 2, b"another")], 60)

    notify.finished(item)

    assert _now(database, job_id).stage is Stage.ANNOUNCE  # the newer one is to be mailed
    with database.transaction() as tx:
        assert _links(tx, job_id) == [(1, False, True), (2, True, False)]


def test_how_long_it_took_counts_what_was_asked_outside(
    job_id: UUID, fetch: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = fetch.claimed(UpscaleDone(job_id=job_id), STORED)
    monkeypatch.setattr(item, "claimed", item.claimed - 100)  # so long ago

    job, _ = fetch.finished(item)

    assert job.stage_s > 100
    assert job.paid_s is not None
    assert job.paid_s > 100
    assert job.promise_left_s is not None
    assert job.promise_left_s < 86_400 - 100
