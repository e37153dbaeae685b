"""A job that is woken again and again without progress comes before a person."""

from collections.abc import Iterator

import pytest

from common import jobs
from common.broker import Broker
from common.database import Database
from common.outcomes import Wait
from common.stages import Stage
from services.poller.clock import STUCK_WAKES, Clock
from tests.integration.life.rows import PLANS, moved, ordered, paid


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    database.open()
    yield database
    database.close()


@pytest.fixture
def clock(database: Database, amqp_url: str) -> Iterator[Clock]:
    broker = Broker(amqp_url, "test")
    broker.start()
    yield Clock(database, broker, PLANS, claim_s=30)
    broker.stop()


def _reasons(database: Database) -> list[str]:
    with database.transaction() as tx:
        return [row[0] for row in tx.execute("SELECT reason FROM attention").fetchall()]


def _wake(database: Database, clock: Clock, times: int) -> None:
    for _ in range(times):
        with database.transaction() as tx:
            tx.execute("UPDATE jobs SET wake_at = now()")
        assert clock.tick() == 1


def test_so_many_wake_ups_without_progress_raise_attention_once(database: Database, clock: Clock) -> None:
    with database.transaction() as tx:
        moved(tx, ordered(tx), paid())
    _wake(database, clock, STUCK_WAKES - 1)
    assert _reasons(database) == []
    _wake(database, clock, 3)
    assert _reasons(database) == ["no_progress"]


def test_waiting_for_capacity_is_no_lack_of_progress(database: Database, clock: Clock) -> None:
    with database.transaction() as tx:
        job = moved(tx, ordered(tx), paid())
    for _ in range(STUCK_WAKES + 1):
        _wake(database, clock, 1)
        with database.transaction() as tx:
            waiting = jobs.lock(tx, [job.job_id])[job.job_id]
            assert waiting.stage is Stage.SUBMIT
            assert jobs.apply(tx, PLANS, "test", [(waiting, Wait(2.0))])
    assert _reasons(database) == []
