"""What the census tells of canaries: whether one came through lately, and how long each stage took it."""

from common.database import Transaction
from common.figures import Figure, Rows
from services.poller.metrics import CANARY_OVERDUE, CANARY_STAGES

LAST = """
    SELECT job_id FROM jobs WHERE canary AND completed_at IS NOT NULL AND settled_at IS NOT NULL
    ORDER BY created_at DESC LIMIT 1
"""
AGE = """
    SELECT extract(epoch FROM now() - COALESCE(
        (SELECT settled_at FROM jobs WHERE job_id = %(last)s), min(created_at)))::float8
    FROM jobs WHERE canary
"""
STAGES = """
    SELECT from_stage, sum(seconds)::float8 FROM (
        SELECT from_stage, to_stage, extract(epoch FROM at - lag(at) OVER (ORDER BY event_id)) AS seconds
        FROM job_events WHERE job_id = %(last)s
    ) steps WHERE from_stage <> 'checkout' AND seconds IS NOT NULL GROUP BY 1
"""


def told(tx: Transaction, every_s: float) -> dict[Figure, Rows]:
    """Nothing where none is sent. Until the first one came through, its own age counts."""
    if not every_s:
        return {}
    row = tx.execute(LAST).fetchone()
    last = {"last": row[0] if row else None}
    age = tx.execute(AGE, last).fetchone()
    age_s = float(age[0]) if age and age[0] is not None else 0.0
    return {
        CANARY_OVERDUE: {(): age_s - every_s},
        CANARY_STAGES: {(stage,): seconds for stage, seconds in tx.execute(STAGES, last)},
    }
