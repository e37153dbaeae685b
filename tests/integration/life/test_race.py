"""A delivery racing a refund: exactly one of them happens."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

from common import jobs
from common.database import Database
from common.outcomes import Move
from common.stages import Stage, Status
from tests.integration.life.rows import PLANS, fetching, moved, ordered

ROUNDS = 200
DELIVERED = Move(Stage.ANNOUNCE, "completed", status=Status.COMPLETED)
FAILED = Move(Stage.REFUND, "failed", status=Status.FAILED, failure_reason="promise")


def test_of_a_delivery_and_a_refund_at_the_same_instant_exactly_one_happens(database_url: str) -> None:
    """Both decided from the same row, as two workers do; the version says which of them was first."""
    database = Database(database_url)
    database.open()
    with ThreadPoolExecutor(2) as pool:
        ends = {_race(database, pool) for _ in range(ROUNDS)}
    with database.transaction() as tx:
        rows = tx.execute(
            "SELECT job_id FROM job_events WHERE kind IN ('completed', 'failed') GROUP BY job_id HAVING count(*) = 1"
        ).fetchall()
    database.close()
    assert len(rows) == ROUNDS
    assert ends <= {Stage.ANNOUNCE, Stage.REFUND}


def _race(database: Database, pool: ThreadPoolExecutor) -> Stage:
    with database.transaction() as tx:
        job = moved(tx, ordered(tx), *fetching())
    start = Barrier(2)

    def try_to(move: Move) -> set[UUID]:
        with database.transaction() as tx:
            start.wait()
            return jobs.apply(tx, PLANS, "test", [(job, move)])

    done = list(pool.map(try_to, (DELIVERED, FAILED)))
    assert sorted(len(ids) for ids in done) == [0, 1]
    with database.transaction() as tx:
        return jobs.lock(tx, [job.job_id])[job.job_id].stage
