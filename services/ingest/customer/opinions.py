"""The rows of what customers think of their orders: one each, the last one counts."""

from dataclasses import dataclass
from uuid import UUID

from common.database import Transaction
from common.orders import BY_TICKET

MAX_COMMENT = 2000


@dataclass(frozen=True, slots=True)
class Rating:
    """What a customer said; 0 stars: nothing so far."""

    stars: int = 0
    comment: str = ""


def given(tx: Transaction, ticket: str) -> Rating:
    """What was said of the order with this ticket."""
    row = tx.execute(f"SELECT stars, comment FROM ratings WHERE job_id = {BY_TICKET}", {"ticket": ticket}).fetchone()
    return Rating(*row) if row else Rating()


def write(tx: Transaction, job_id: UUID, rating: Rating) -> bool:
    """False when it takes an earlier one's place."""
    row = tx.execute(
        """INSERT INTO ratings (job_id, stars, comment) VALUES (%(job)s, %(stars)s, %(comment)s)
           ON CONFLICT (job_id) DO UPDATE SET stars = excluded.stars, comment = excluded.comment, rated_at = now()
           RETURNING xmax = 0""",
        {"job": job_id, "stars": rating.stars, "comment": rating.comment.replace("\0", "").strip()},
    ).fetchone()
    return bool(row and row[0])
