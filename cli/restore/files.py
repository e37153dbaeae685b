"""Pictures that were delivered after the backup: a stored file is the proof that its order was bought and delivered."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from cli.restore.orders import ACTOR, media_type
from common import attempts, jobs, links
from common.attempts import AttemptState, Claim, Record
from common.database import Database, Transaction
from common.jobs import Job
from common.outcomes import Move
from common.signing import Signer, hash_token
from common.stages import Plan, Stage, Status
from common.storage import MissingFileError, Storage
from services.finisher import deliveries
from services.finisher.deliveries import FetchClaim, StoredFile

UNFINISHED = """
    SELECT job_id FROM jobs WHERE stage IN ('submit', 'watch', 'fetch') AND charged_cents > 0 AND completed_at IS NULL
    ORDER BY job_id
"""


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a link and a result live, in seconds; what tokens are signed with."""

    plans: Mapping[Stage, Plan]
    signer: Signer
    link_s: float
    result_life_s: float


def unfinished(tx: Transaction) -> list[UUID]:
    """Paid orders that, as far as the database knows, still wait for their picture."""
    return [row[0] for row in tx.execute(UNFINISHED)]


def find_delivered(database: Database, storage: Storage, terms: Terms, job_ids: Iterable[UUID]) -> list[UUID]:
    """Complete those of these orders whose picture is stored; returns them. Raises StorageError, DatabaseAwayError."""
    found = []
    for job_id in job_ids:
        claim = _newest(storage.keys(f"results/{job_id}"))
        stored = _look(storage, claim) if claim else None
        if claim is None or stored is None:
            continue
        with database.transaction() as tx:
            job = jobs.lock(tx, [job_id])[job_id]
            if _complete(tx, terms, job, claim, stored):
                found.append(job_id)
    return found


def _newest(files: Iterable[str]) -> FetchClaim | None:
    """The last file that a finisher stored for the order: results/JOB/ATTEMPT.CLAIM; what people handed in is 0."""
    claims = []
    for key in files:
        _, job_id, name = key.split("/")
        attempt, _, number = name.partition(".")
        if attempt.isdigit() and number.isdigit() and int(number) > 0:
            claims.append(FetchClaim(UUID(job_id), int(attempt), int(number)))
    return max(claims, key=lambda claim: (claim.attempt, claim.claim_no), default=None)


def _look(storage: Storage, claim: FetchClaim) -> StoredFile | None:
    """What its row said. The preview is stored last: without it nothing was delivered."""
    try:
        preview = storage.read(deliveries.preview_key(claim.file_key), 0, 1)
        stream, head, digest = storage.read(claim.file_key), b"", hashlib.sha256()
    except MissingFileError:
        return None
    for chunk in stream.chunks:
        head = head or chunk[:12]
        digest.update(chunk)
    return StoredFile(stream.size, digest.hexdigest(), media_type(head), 0, 0, preview.size)


def _complete(tx: Transaction, terms: Terms, job: Job, claim: FetchClaim, stored: StoredFile) -> bool:
    if job.stage not in {Stage.SUBMIT, Stage.WATCH, Stage.FETCH} or job.delivered:
        return False
    width, height = job.result_size
    file = StoredFile(stored.file_size, stored.sha256, stored.media_type, width, height, stored.preview_size)
    known = {a.attempt for a in attempts.of_jobs(tx, [job.job_id])[job.job_id]}
    new = [Claim(job.job_id, number, 1) for number in range(1, claim.attempt + 1) if number not in known]
    attempts.claim(tx, new, 0)
    told = [_ended(c) for c in new if c.attempt != claim.attempt]
    told.append(Record(job.job_id, claim.attempt, AttemptState.SUCCEEDED, ended=True, error="found after a restore"))
    attempts.record(tx, told, terms.result_life_s)
    tx.execute("DELETE FROM deliveries WHERE file_key = %s", [claim.file_key])
    deliveries.claim(tx, [claim], 0)
    deliveries.record(tx, [(claim, file)])
    detail = {"attempt": claim.attempt, "bytes": stored.file_size}
    move = Move(Stage.ANNOUNCE, "found_delivered", detail, (), Status.COMPLETED, attempt=claim.attempt)
    jobs.apply(tx, terms.plans, ACTOR, [(job, move)])
    generation = links.next_generations(tx, [job.job_id])[job.job_id]
    token = hash_token(terms.signer.download_token(job.job_id, generation))
    links.issue_links(tx, [(job.job_id, generation, token)], terms.link_s)
    return True


def _ended(claim: Claim) -> Record:
    """An earlier attempt: all that is known is that there was one."""
    return Record(claim.job_id, claim.attempt, AttemptState.FAILED, ended=True, error="lost with the database")
