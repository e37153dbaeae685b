"""A picture that a person handed in (common/admin/handing.py): read from our own storage instead of the provider's."""

import hashlib
from typing import BinaryIO

from common.failures import failed
from common.jobs import Job
from common.outbound import Fetched, Limits, Refused, Unreached
from common.outcomes import Move
from common.stages import Stage
from common.storage import MissingFileError, Storage, StorageError
from services.finisher.deliveries import FetchClaim

NOT_TAKEN = "handed_picture_refused"


def fetch(storage: Storage, claim: FetchClaim, target: BinaryIO, limits: Limits) -> Fetched | Refused | Unreached:
    """Copy the attempt's handed-in file to `target`, as a fetch from the provider would."""
    digest, written = hashlib.sha256(), 0
    try:
        stream = storage.read(FetchClaim(claim.job_id, claim.attempt, 0).file_key)
        if stream.size > limits.max_bytes:
            return Refused(f"{stream.size} bytes are more than {limits.max_bytes}")
        for chunk in stream.chunks:
            digest.update(chunk)
            written += target.write(chunk)
    except MissingFileError as error:
        return Refused(str(error), gone=True)
    except StorageError as error:
        return Unreached(str(error))
    return Fetched(written, digest.hexdigest(), "")


def given_back(job: Job, why: str) -> Move:
    """A person handed in a picture that fails the checks: that person looks again, nobody is submitted or refunded."""
    if job.delivered:
        return failed(job, NOT_TAKEN, why)
    return Move(Stage.SUBMIT, NOT_TAKEN, {"attempt": job.attempt, "detail": why}, wake_s=0, hold=NOT_TAKEN)
