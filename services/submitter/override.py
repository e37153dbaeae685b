"""`admin_override`: an operator has a paid job done again (design section 4). Committed before anything else.

The same `request_id` again does nothing, nor does a message without one while an attempt is open or has just ended: so
a redelivery, or a message published twice by hand, is one attempt.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from common.attempts import Attempt, AttemptState
from common.database import Transaction, unnest
from common.events import PaymentCompleted
from common.jobs import Job
from common.outcomes import Move, Nothing, Refuse, Reopen
from common.stages import Stage, Status

JUST_ENDED_S = 60.0


@dataclass(frozen=True, slots=True)
class Override:
    """The job is opened again, for this attempt."""

    job_id: UUID
    attempt: int
    request_id: str | None
    move: Move


def decide(
    job: Job, tried: Sequence[Attempt], request_id: str | None, promise_s: float, *, refunding: bool
) -> Override | Nothing | Refuse:
    """What an override does to this (locked) job."""
    if not job.charged_cents:
        return Refuse(f"the job {job.job_id} was never paid: there is nothing to do again")
    if refunding:
        return Nothing("its refund is open")
    if any(request_id is not None and a.request_id == request_id for a in tried):
        return Nothing("this override was made before")
    if request_id is None and any(_busy(job, a) for a in tried):
        return Nothing("an attempt is open, or has just ended")
    last = tried[-1].attempt if tried else 0
    again = PaymentCompleted(job_id=job.job_id, traceparent=job.traceparent)
    return Override(
        job.job_id,
        last + 1,
        request_id,
        Move(
            Stage.SUBMIT,
            "override",
            {"attempt": last + 1, "request_id": request_id},
            (again,),
            Status.PENDING,
            hold="",
            reopen=Reopen(last, promise_s),
        ),
    )


def _busy(job: Job, attempt: Attempt) -> bool:
    """It may still become a result (one never accepted only while the job is to be submitted), or has just ended."""
    if attempt.ended_s is not None:
        return attempt.ended_s < JUST_ENDED_S
    return attempt.state != AttemptState.WAITING or job.stage is Stage.SUBMIT


def refunding(tx: Transaction, job_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the jobs whose refund is open."""
    rows = tx.execute(
        """SELECT job_id FROM refunds
           WHERE job_id = ANY(%(ids)s) AND state IN ('claimed', 'pending', 'requires_action')""",
        {"ids": list(job_ids)},
    )
    return {row[0] for row in rows}


def note(tx: Transaction, overrides: Sequence[Override]) -> None:
    """Write the attempts that the overrides ask for, flagged, to be claimed by the ordinary way."""
    if not overrides:
        return
    columns: Mapping[str, tuple[str, list[object]]] = {
        "job_id": ("uuid", [o.job_id for o in overrides]),
        "attempt": ("int", [o.attempt for o in overrides]),
        "request_id": ("text", [o.request_id for o in overrides]),
    }
    unnest(
        tx,
        """INSERT INTO attempts (job_id, attempt, state, claim_no, claimed_until, admin_override, request_id)
           SELECT i.job_id, i.attempt, 'waiting', 0, now(), true, i.request_id FROM {rows}""",
        dict(columns),
    )
