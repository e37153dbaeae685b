"""What an order is found by follows it, in a table that its moves leave alone; and an order stays."""

import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import errors

from common import jobs, orders
from common.admin.desk import identify
from common.outcomes import Move, Payment
from common.stages import Stage, Status
from services.ingest.customer import corrections, opinions, wishes
from tests.integration.runtime.rig import Rig, an_order

TO_WATCH = Move(Stage.WATCH, "submitted", status=Status.PROCESSING, attempt=1)


def _keys(desk: Rig, job_id: uuid.UUID) -> Any:
    return desk.sql(
        "SELECT ticket, session_id, payment_intent, address FROM order_keys WHERE job_id = %(job)s", job=job_id
    )


def _made(desk: Rig, count: int = 1) -> list[uuid.UUID]:
    ids = [uuid.uuid4() for _ in range(count)]
    with desk.database.transaction() as tx:
        for job_id in ids:
            orders.create(tx, desk.plans, "tests", an_order(job_id))
    return ids


def _paid(desk: Rig, job_id: uuid.UUID, intent: str) -> None:
    paid = Move(Stage.SUBMIT, "paid", payment=Payment(192, intent, "anna@example.org", 60), status=Status.PENDING)
    with desk.database.transaction() as tx:
        assert jobs.apply(tx, desk.plans, "tests", [(desk.job(job_id), paid)]) == {job_id}


def test_an_order_is_found_by_what_it_is_known_under_now(desk: Rig) -> None:
    (job_id,) = _made(desk)
    first = desk.job(job_id).ticket
    assert _keys(desk, job_id) == [(first, None, None, "kim@example.com")]

    with desk.database.transaction() as tx:
        orders.record_session(tx, "tests", job_id, "cs_1", None)
    _paid(desk, job_id, "pi_1")
    assert _keys(desk, job_id) == [(first, "cs_1", "pi_1", "kim@example.com")]

    desk.sql("UPDATE jobs SET email = 'Anna@Example.org' WHERE job_id = %(job)s", job=job_id)
    desk.sql("UPDATE jobs SET payment_intent = 'pi_2' WHERE job_id = %(job)s", job=job_id)
    assert _keys(desk, job_id) == [(first, "cs_1", "pi_2", "anna@example.org")]

    with desk.database.transaction() as tx:
        renewed = orders.renew_ticket(tx, job_id)
        orders.forget(tx, [job_id])
    assert _keys(desk, job_id) == [(renewed, "cs_1", "pi_2", None)]


def test_a_move_writes_nothing_there(desk: Rig) -> None:
    (job_id,) = desk.paid()
    version = "SELECT xmin, ctid FROM order_keys"
    before = desk.sql(version)

    with desk.database.transaction() as tx:
        assert jobs.apply(tx, desk.plans, "tests", [(desk.job(job_id), TO_WATCH)])

    assert desk.sql(version) == before


def test_a_move_does_not_even_have_them_looked_at(desk: Rig) -> None:
    """A trigger on columns that a statement names looks at each of its rows, changed or not."""
    ids = desk.paid(3)
    with desk.database.transaction() as tx:
        tx.execute("""CREATE FUNCTION named() RETURNS trigger LANGUAGE plpgsql AS
                      'BEGIN RAISE unique_violation; END'""")
        tx.execute("""CREATE TRIGGER named BEFORE UPDATE OF ticket, session_id, payment_intent, email, created_at
                      ON jobs FOR EACH STATEMENT EXECUTE FUNCTION named()""")
    for moved in (ids[:1], ids[1:]):
        with desk.database.transaction() as tx:
            assert jobs.apply(tx, desk.plans, "tests", [(desk.job(job_id), TO_WATCH) for job_id in moved])
    with pytest.raises(errors.UniqueViolation):
        _paid(desk, ids[0], "pi_1")


LOOKUPS = {
    "the operator": identify,
    "a wish": wishes.locked,
    "a rating": opinions.given,
    "a corrected address": corrections.of_order,
}


@pytest.mark.parametrize("look", LOOKUPS.values(), ids=LOOKUPS)
def test_by_its_ticket_it_is_found_without_reading_the_others(desk: Rig, look: Callable[..., object]) -> None:
    (job_id,) = _made(desk)
    ticket = desk.job(job_id).ticket
    with desk.database.transaction() as tx:
        assert look(tx, ticket)
        assert tx.execute("SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'jobs'").fetchone() == (0,)


@pytest.mark.parametrize(
    "again",
    [
        lambda desk, one, other: desk.sql("UPDATE jobs SET session_id = %(s)s WHERE job_id = %(j)s", s=one[1], j=other),
        lambda desk, one, other: desk.sql("UPDATE jobs SET ticket = %(t)s WHERE job_id = %(j)s", t=one[0], j=other),
        lambda desk, one, other: _paid(desk, other, one[2]),
    ],
    ids=["session", "ticket", "payment"],
)
def test_no_two_orders_share_one(desk: Rig, again: Callable[..., object]) -> None:
    one, other = _made(desk, 2)
    with desk.database.transaction() as tx:
        orders.record_session(tx, "tests", one, "cs_1", None)
    _paid(desk, one, "pi_1")
    (known,) = _keys(desk, one)

    with pytest.raises(errors.UniqueViolation):
        again(desk, known, other)


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM jobs", "TRUNCATE jobs CASCADE", "UPDATE jobs SET job_id = gen_random_uuid()"],
)
def test_an_order_stays(desk: Rig, statement: str) -> None:
    _made(desk)
    with pytest.raises(psycopg.errors.RaiseException, match="an order is never deleted and keeps its id"):
        desk.sql(statement)
