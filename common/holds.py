"""Holds that a rule of ours made, many at once: the refund brake and the budget. Released together, oldest first."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from common import jobs
from common.attention import close_attention
from common.database import Transaction
from common.outcomes import Move
from common.stages import Plan, Stage

BATCH = 200
REVIEW_S = 24 * 3600.0  # one mail has spoken for all of them: the review of each comes later


def release_oldest(
    tx: Transaction, plans: Mapping[Stage, Plan], actor: str, hold: str, limit: int = BATCH
) -> list[UUID]:
    """Release what is held for this reason, oldest promise first; the jobs that were. Call again for more.

    The clock publishes what moves them, within a second. Held for these reasons: `brake.HOLD`, `budget.HOLD`.
    """
    rows = tx.execute(
        "SELECT job_id FROM jobs WHERE hold_reason = %(hold)s ORDER BY promise_at LIMIT %(limit)s",
        {"hold": hold, "limit": limit},
    )
    return release(tx, plans, actor, hold, [row[0] for row in rows])


def release(tx: Transaction, plans: Mapping[Stage, Plan], actor: str, hold: str, job_ids: Sequence[UUID]) -> list[UUID]:
    """Release these jobs, as far as they are held still, and close the attention that was raised for it."""
    moves = [
        (job, Move(job.stage, "released", {"held_for": hold}, hold="", wake_s=0.0))
        for job in jobs.lock(tx, job_ids).values()
        if job.held
    ]
    released = jobs.apply(tx, plans, actor, moves)
    close_attention(tx, list(released), [hold])
    return [job for job in job_ids if job in released]
