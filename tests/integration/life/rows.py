"""Jobs for tests, made as ingest makes them; the row of a later stage is reached by moves, never by UPDATE."""

import secrets
from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID

from uuid_utils import compat

from common import jobs, orders
from common.database import Transaction
from common.jobs import Job
from common.orders import Order
from common.outcomes import Move, Payment
from common.settings import CommonSettings
from common.stages import Plan, Stage, Status, plans

SETTINGS = CommonSettings(database_url="unused", amqp_url="unused", _env_file=None)
PLANS: Mapping[Stage, Plan] = plans(SETTINGS)
PAID = Payment(192, "pi_1", "mia@customer.example", 86_400)


def ordered(tx: Transaction) -> UUID:
    """An order that waits for its payment."""
    job_id = compat.uuid7()
    order = Order(
        job_id=job_id,
        ticket=f"tk_{secrets.token_hex(16)}",
        source_kind="catalogue",
        source_url="https://shop.example/cat.jpg",
        source_width=451,
        source_height=300,
        factor=4,
        amount_cents=192,
        currency="usd",
        credits=1,
        cost_cents=4,
        markup_percent=Decimal(200),
        return_url="https://shop.example/",
    )
    orders.create(tx, PLANS, "test", order)
    return job_id


def moved(tx: Transaction, job_id: UUID, *moves: Move) -> Job:
    """Apply these moves one after the other; the job's row as it then is."""
    for move in moves:
        job = jobs.lock(tx, [job_id])[job_id]
        assert jobs.apply(tx, PLANS, "test", [(job, move)]) == {job_id}
    return jobs.lock(tx, [job_id])[job_id]


def paid() -> Move:
    payment = Payment(PAID.charged_cents, f"pi_{secrets.token_hex(8)}", PAID.email, PAID.promise_s)
    return Move(Stage.SUBMIT, "paid", status=Status.PENDING, payment=payment)


def fetching() -> tuple[Move, ...]:
    """From the order to a result that waits to be fetched."""
    return paid(), Move(Stage.WATCH, "submitted", attempt=1), Move(Stage.FETCH, "upscaled", attempt=1)
