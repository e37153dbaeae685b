"""Paid orders for a measurement, put into the real tables in bulk, and when each of them ended."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
from uuid_utils import compat

LAST_FACT = "mailed_ready"  # the last of the history that an order's hops write
_COLUMNS = (
    "job_id", "ticket", "status", "stage", "wake_at", "promise_at", "paid_at", "source_kind", "source_url",
    "source_width", "source_height", "factor", "amount_cents", "currency", "credits", "cost_cents",
    "markup_percent", "charged_cents", "payment_intent", "email",
)  # fmt: skip


def make(database_url: str, count: int) -> list[UUID]:
    """Insert `count` orders that stand where the payment's webhook leaves them, oldest first."""
    ids = [compat.uuid7() for _ in range(count)]
    now = datetime.now(UTC)
    statement = f"COPY jobs ({', '.join(_COLUMNS)}) FROM STDIN"
    with psycopg.connect(database_url) as connection:
        with connection.cursor().copy(statement) as copy:
            for job_id in ids:
                copy.write_row(_row(job_id, now))
        connection.execute("ANALYZE jobs")
    return ids


def all_ended(connection: psycopg.Connection) -> bool:
    """Whether every order has reached the stage after its mail; stops reading at the first that has not."""
    row = connection.execute("SELECT EXISTS (SELECT FROM jobs WHERE stage <> 'remind')").fetchone()
    return row is not None and not row[0]


def ended_at(connection: psycopg.Connection, ids: Sequence[UUID]) -> dict[UUID, float]:
    """Unix seconds at which the last fact of each order was written, by the database's own clock."""
    rows = connection.execute(
        """SELECT job_id, min(extract(epoch FROM at)::float8) FROM job_events
           WHERE kind = %s AND job_id = ANY(%s) GROUP BY job_id""",
        [LAST_FACT, list(ids)],
    )
    return dict(rows.fetchall())


def _row(job_id: UUID, now: datetime) -> tuple[object, ...]:
    return (
        job_id, f"tk_{secrets.token_hex(16)}", "pending", "submit", now + timedelta(hours=1),
        now + timedelta(hours=24), now, "catalogue", "https://shop.example/photograph.jpg",
        690, 460, 4, 192, "usd", 16, 64, 200, 192, f"pi_{job_id.hex}", "customer@shop.example",
    )  # fmt: skip
