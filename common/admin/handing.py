"""`complete`: a person hands in the picture. It goes through the same checks and storage as a provider's result.

The intent comes first: an attempt that counts as failed until its file is stored, and the file's key on a row of its
own, so that whatever a crash leaves behind is removed with the job's other files. Then the file, then the decision:
the attempt has succeeded with `HANDED_IN` as its result, and the lane `deliver` takes it from the storage.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from common.admin import facts
from common.admin.audit import Decision
from common.admin.desk import Desk, No, RefusedError, Tools, Yes, locate
from common.database import Transaction
from common.events import Event
from common.jobs import Job
from common.outbound import Fetched, Guard, Limits
from common.outcomes import Move, Reopen
from common.stages import Stage, Status

LIMITS = Limits(max_bytes=1_500_000_000, deadline_s=300.0)
HANDED_IN = "handed-in:"  # no URL that a provider could name: the file's key follows from the job and the attempt


class UnfetchableError(Exception):
    """Nothing can be had from this address; the message says why."""


@dataclass(frozen=True, slots=True)
class Complete:
    """The picture itself is `source`. `attempt` is set once it is stored."""

    source: Path | BinaryIO
    attempt: int = 0
    name = "complete"

    def prepare(self, desk: Desk, key: str) -> "Complete":
        """Store the file. Raises RefusedError, StorageError."""
        if desk.tools.storage is None:
            raise RefusedError("no_storage", "STORAGE_URL is needed to take a picture.")
        with desk.database.transaction() as tx:
            job = locate(tx, key)
            refusal = _refusal(tx, job)
            if refusal:
                raise RefusedError("state_forbids", refusal.why)
            attempt = facts.last_attempt(tx, job.job_id) + 1
            _intend(tx, job, attempt)
        desk.tools.storage.write(handed_key(job, attempt), self.source)
        return replace(self, attempt=attempt)

    def repeat(self, job: Job, decision: Decision) -> Event | None:
        del job, decision
        return None

    def decide(self, tx: Transaction, job: Job, decision: Decision, tools: Tools) -> Yes | No:
        del decision
        refusal = _refusal(tx, job)
        if refusal:
            return refusal
        if facts.last_attempt(tx, job.job_id) != self.attempt:
            return No("Another attempt began meanwhile: look at the order, and try again.")
        _stored(tx, job, self.attempt)
        detail = {"attempt": self.attempt}
        move = Move(
            Stage.FETCH, "handed_in", detail, (), Status.PROCESSING, 0, self.attempt, hold="",
            reopen=Reopen(self.attempt - 1, tools.promise_s),
        )  # fmt: skip
        return Yes("The picture is stored; it is checked and delivered like any other.", move, detail, settles=None)


def fetch(url: str, allow: Iterable[str], target: BinaryIO) -> None:
    """Fetch what a person named: from any host, but from public addresses alone. Raises UnfetchableError."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError as error:
        raise UnfetchableError("this is no address") from error
    fetched = Guard([host], allow).fetch(url, target, LIMITS)
    if not isinstance(fetched, Fetched):
        raise UnfetchableError(fetched.reason)


def handed_key(job: Job, attempt: int) -> str:
    """Where a handed-in picture lies: fetches count their claims from 1, this is claim 0."""
    return f"results/{job.job_id}/{attempt}.0"


def _refusal(tx: Transaction, job: Job) -> No | None:
    if not job.charged_cents:
        return No("The order is not paid: there is nothing to deliver.")
    if facts.refund_is_open(tx, job.job_id):
        return No("Its refund is under way: wait until Stripe has answered.")
    return None


def _intend(tx: Transaction, job: Job, attempt: int) -> None:
    key = {"job": job.job_id, "attempt": attempt, "key": handed_key(job, attempt)}
    tx.execute(
        """INSERT INTO attempts (job_id, attempt, state, claim_no, claimed_until, ended_at, admin_override, credits,
                                 error)
           VALUES (%(job)s, %(attempt)s, 'failed', 0, now(), now(), true, 0, 'handed in, but never stored')""",
        key,
    )
    tx.execute(
        """INSERT INTO deliveries (job_id, attempt, claim_no, claimed_until, file_key)
           VALUES (%(job)s, %(attempt)s, 0, now(), %(key)s)""",
        key,
    )


def _stored(tx: Transaction, job: Job, attempt: int) -> None:
    tx.execute(
        """UPDATE attempts SET state = 'succeeded', result_url = %(url)s, error = NULL, answered_at = now()
           WHERE job_id = %(job)s AND attempt = %(attempt)s""",
        {"url": HANDED_IN, "job": job.job_id, "attempt": attempt},
    )
