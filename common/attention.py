"""The needs-attention list: what a person should look at, by job and reason."""

from collections.abc import Sequence
from uuid import UUID

from common.database import Transaction, keys, unnest


def raise_attention(tx: Transaction, rows: Sequence[tuple[UUID, str, str]]) -> None:
    """Open reasons (job, reason, detail) on the needs-attention list; an open one is not opened twice."""
    if rows:
        unnest(
            tx,
            """INSERT INTO attention (job_id, reason, detail) SELECT i.job_id, i.reason, i.detail FROM {rows}
               ON CONFLICT (job_id, reason) WHERE closed_at IS NULL DO NOTHING""",
            {
                "job_id": ("uuid", [row[0] for row in rows]),
                "reason": ("text", [row[1] for row in rows]),
                "detail": ("text", [row[2] for row in rows]),
            },
        )


def close_attention(tx: Transaction, job_ids: Sequence[UUID], reasons: Sequence[str] | None) -> None:
    """These reasons need nobody's attention any more; None: a person has decided about all of them."""
    if job_ids:
        tx.execute(
            """UPDATE attention SET closed_at = now() WHERE job_id = ANY(%(jobs)s::uuid[]) AND closed_at IS NULL
               AND (%(reasons)s::text[] IS NULL OR reason = ANY(%(reasons)s))""",
            {"jobs": keys(job_ids), "reasons": None if reasons is None else list(reasons)},
        )
