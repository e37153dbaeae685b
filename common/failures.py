"""How a job fails: one value for every stage that gives up (design section 4)."""

from common.events import UpscaleFailed
from common.jobs import Job
from common.outcomes import Move
from common.stages import Stage, Status


def failed(job: Job, reason: str, detail: str = "") -> Move:
    """The job fails: what was charged is owed back. `reason` is bounded (mails and metrics know it), `detail` measured.

    A job that was delivered before an operator had it done again keeps its file and link: only an admin refunds it.
    """
    told = {"reason": reason, "detail": detail}
    if job.delivered:
        return Move(Stage.KEEP, "override_failed", told, status=Status.COMPLETED)
    event = UpscaleFailed(job_id=job.job_id, attempt=job.attempt, reason=reason, traceparent=job.traceparent)
    return Move(
        Stage.REFUND, "failed", told, (event,), Status.FAILED, failure_reason=reason, failure_detail=detail or None
    )
