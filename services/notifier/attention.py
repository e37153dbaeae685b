"""Mails that a person must look at: on the attention list until the server takes them."""

from collections.abc import Sequence

from common.attention import close_attention, raise_attention
from common.database import Transaction
from common.jobs import Job
from common.lane import Answered
from services.notifier.smtp import NotSent, Rejected, SendAnswer, Sent

STUCK, STUCK_TRIES = "mail_stuck", 8


def note(tx: Transaction, answered: Sequence[Answered]) -> None:
    """Open and close what these answers to mails of customers say."""
    told = [(a.work.job, a.answer) for a in answered if a.about.key.kind != "attention"]
    raise_attention(
        tx, [(job.job_id, reason, answer.why) for job, answer in told if (reason := _complaint(job, answer))]
    )
    close_attention(tx, [job.job_id for job, answer in told if job.tries and isinstance(answer, Sent)], [STUCK])


def _complaint(job: Job, answer: SendAnswer) -> str | None:
    """Why a person must look: no wait will help it, or none has."""
    match answer:
        case Rejected():
            return "mail_rejected"
        case NotSent(refuses_us=refused) if refused or job.tries >= STUCK_TRIES:
            return STUCK
    return None
