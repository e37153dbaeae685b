"""What nobody can know: held for a person, or taken as done where doing it again would be worse than not at all."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from cli.restore.orders import ACTOR
from common import attempts, jobs
from common.attempts import Attempt, AttemptState
from common.attention import raise_attention
from common.database import Transaction, keys
from common.jobs import Job
from common.outcomes import Move
from common.stages import REMIND_BEFORE_S, Plan, Stage

HOLD = "restored"
HELD = "held_after_restore"
REVIEW_S = 24 * 3600.0
WHY = "it may have been bought after the backup: release it to buy it (again), or give the money back"


@dataclass(frozen=True, slots=True)
class Known:
    """`new`: orders that were paid when nothing ran any more; `since`: when the restore was noticed; `result_life_s`:
    seconds that the provider keeps a result.
    """

    new: Collection[UUID]
    since: datetime
    result_life_s: float


def hold_doubtful(tx: Transaction, plans: Mapping[Stage, Plan], job_ids: Sequence[UUID], known: Known) -> list[UUID]:
    """Hold those of these orders that may have been submitted after the backup; returns them.

    The provider is asked about what it still knows. What a person released after the restore is not held again.
    """
    decided = {
        row[0]
        for row in tx.execute(
            "SELECT job_id FROM job_events WHERE kind = %(kind)s AND at >= %(since)s AND job_id = ANY(%(ids)s::uuid[])",
            {"kind": HELD, "since": known.since, "ids": keys(job_ids)},
        )
    }
    found = jobs.lock(tx, job_ids)
    tried = attempts.of_jobs(tx, job_ids)
    doubtful = [
        job
        for job in found.values()
        if job.job_id not in decided | set(known.new) and not job.held and _in_doubt(job, tried[job.job_id], known)
    ]
    hold = {job.job_id: Move(job.stage, HELD, {"why": WHY}, wake_s=REVIEW_S, hold=HOLD) for job in doubtful}
    jobs.apply(tx, plans, ACTOR, [(job, hold[job.job_id]) for job in doubtful])
    raise_attention(tx, [(job.job_id, HOLD, WHY) for job in doubtful])
    return [job.job_id for job in doubtful]


def _in_doubt(job: Job, tried: Sequence[Attempt], known: Known) -> bool:
    if job.stage not in {Stage.SUBMIT, Stage.WATCH, Stage.FETCH} or job.delivered:
        return False
    last = tried[-1] if tried else None
    if job.stage is Stage.FETCH:
        return last is None or last.result_dead
    at_the_provider = last is not None and last.state == AttemptState.OPEN and last.provider_id is not None
    return not (job.stage is Stage.WATCH and at_the_provider and last and last.age_s < known.result_life_s)


def take_as_mailed(tx: Transaction) -> int:
    """Every mail that may have gone out after the backup counts as sent; returns how many."""
    waiting = tx.execute(
        "UPDATE mails SET state = 'sent', error = 'taken as sent after a restore', answered_at = now(), "
        "claimed_until = 'infinity' "
        "WHERE state IN ('claimed', 'waiting') AND NOT (kind = 'notice' AND about LIKE 'restored:%')"
    ).rowcount
    due = tx.execute(_DUE, {"before_s": REMIND_BEFORE_S}).rowcount
    return waiting + due


_DUE = """
    WITH newest AS (
        SELECT DISTINCT ON (job_id) job_id, generation, expires_at FROM links
        WHERE revoked_at IS NULL ORDER BY job_id, generation DESC
    ), due AS (
        SELECT j.job_id, 'ready' AS kind, j.job_id || ':' || n.generation AS about
        FROM jobs j JOIN newest n USING (job_id) WHERE j.stage = 'announce' AND j.status = 'completed'
        UNION ALL
        SELECT job_id, 'refunded', job_id::text FROM jobs WHERE stage = 'announce' AND status = 'refunded'
        UNION ALL
        SELECT j.job_id, 'expiring', j.job_id || ':' || n.generation
        FROM jobs j JOIN newest n USING (job_id)
        WHERE j.stage = 'remind' AND n.expires_at <= now() + make_interval(secs => %(before_s)s)
    )
    INSERT INTO mails (kind, about, job_id, state, claimed_until, answered_at, message_id, error)
    SELECT kind, about, job_id, 'sent', now(), now(), 'restored.' || kind || '.' || replace(about, ':', '.'),
           'taken as sent after a restore'
    FROM due ON CONFLICT (kind, about, number) DO NOTHING
"""
