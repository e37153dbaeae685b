"""The source is looked at before the provider is paid: really a whole picture, and of the size that was sold.

Its reduced copy is stored, against which the result is compared. A look has no effect that could double (its one file
has one key), so a redelivered message, whose worker is gone, looks again at once.
"""

import hashlib
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from common import crash, jobs, sources
from common.attempts import Claim
from common.attention import raise_attention
from common.batches import backoff_s
from common.database import Transaction
from common.events import PaymentCompleted
from common.failures import failed
from common.jobs import Job
from common.lane import Answered, Question, Work
from common.outbound import Fetched, Guard, Limits, Refused, Unreached
from common.outcomes import Move, Nothing, Outcome, Wait
from common.pictures.examiner import KILLED, KILLED_TRIES, ExaminerError, Eyes, KilledError
from common.pictures.facts import AVIF, JPEG, PNG, TIFF, WEBP, Look, Seen, Unfit
from common.sources import Source, SourceRecord, reference_key
from common.stages import Plan, Stage
from common.storage import MissingFileError, Storage, StorageError
from services.submitter.metrics import SOURCES
from services.submitter.settings import SubmitterSettings

ALLOWED = (JPEG, PNG, WEBP, AVIF, TIFF)
AT_ONCE = threading.BoundedSemaphore(2)  # a decoded picture is large: two at a time bound the memory
GONE_TRIES = 3  # a server may say for a moment that it has no such file
DECODE_TWICE = 2  # waiting for others, then one's own; a longer wait costs a second look, which does no harm


@dataclass(frozen=True, slots=True)
class LookAtSource:
    """One claimed look: from where, the size in pixels that was sold, and how often it was `Missing` before."""

    job_id: UUID
    kind: str
    url: str
    size: tuple[int, int]
    gone: int = 0


@dataclass(frozen=True, slots=True)
class Fit:
    """It is what was sold, and its reduced copy is stored."""

    seen: Seen
    file_size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Bad:
    """It cannot be enlarged. `reason`: the bounded name of the failure; `tell`: an operator must look at the shop."""

    reason: str
    why: str
    tell: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """Its server says that there is no such file."""

    why: str


@dataclass(frozen=True, slots=True)
class NotSeen:
    """It did not work this time. `killed`: the process that decoded it was."""

    why: str
    killed: bool = False


SourceAnswer = Fit | Bad | Missing | NotSeen


class Sources:
    """The submitter's look at sources: a part of its lane, with the lane's three methods."""

    def __init__(self, settings: SubmitterSettings, plan: Plan) -> None:
        self._plan = plan
        self._wanted = not settings.provider_is_null
        self._guard = Guard(settings.source_host_list, settings.outbound_allow.split(","))
        self._limits = Limits(settings.max_source_bytes, settings.source_deadline_s)
        self._megapixels = settings.max_source_megapixels, settings.max_held_megapixels
        self._storage = Storage(settings.storage_url)
        self._eyes = Eyes(settings.bounds)
        self._lease_s = settings.source_deadline_s + DECODE_TWICE * settings.decode_wall_s + settings.claim_margin_s

    def begin(self, tx: Transaction, work: Sequence[Work], steps: Sequence[object]) -> dict[UUID, Question | Outcome]:
        """What the jobs that are about to be submitted must wait for: those whose source nobody has found fit."""
        wanted = [w for w, step in zip(work, steps, strict=True) if isinstance(step, Claim)] if self._wanted else []
        if not wanted:
            return {}
        known = sources.of_jobs(tx, [w.job.job_id for w in wanted])
        found: dict[UUID, Question | Outcome] = {}
        for w in wanted:
            row = known.get(w.job.job_id)
            if row and row.fit:
                continue
            busy = row is not None and row.at_work and not w.redelivered
            look = Question(_about(w.job, row), slow=True)
            found[w.job.job_id] = Nothing("its source is being looked at") if busy else look
        anew = [w.job.job_id for w in wanted if _anew(w.job, known.get(w.job.job_id))]
        if anew:
            sources.count_anew(tx, anew)
        sources.claim(tx, [job_id for job_id, step in found.items() if isinstance(step, Question)], self._lease_s)
        return found

    def ask(self, about: LookAtSource) -> SourceAnswer:
        crash.point("before_source")
        try:
            with tempfile.TemporaryDirectory(prefix="enlarger-") as folder:
                answer = self._look(about, Path(folder))
        except (ExaminerError, StorageError, OSError) as error:  # OSError: no room for the temporary file
            answer = NotSeen(str(error), isinstance(error, KilledError))
        crash.point("after_source")
        SOURCES.labels(type(answer).__name__).inc()
        return answer

    def finish(self, tx: Transaction, answered: Sequence[Answered]) -> list[Outcome]:
        sources.record(tx, [r for a in answered if (r := _record(a.about.job_id, a.answer))])
        over = [a for a in answered if isinstance(a.answer, NotSeen | Missing)]
        sources.release(tx, {a.about.job_id: isinstance(a.answer, Missing) for a in over})
        told = [
            (a.about.job_id, a.answer.reason, a.answer.why)
            for a in answered
            if isinstance(a.answer, Bad) and a.answer.tell
        ]
        raise_attention(tx, told)
        worn = [a.work.job.job_id for a in answered if isinstance(a.answer, NotSeen) and a.answer.killed]
        kills = jobs.times(tx, worn, KILLED) if worn else {}
        return [self._decide(a.work.job, a.answer, a.about.gone, kills.get(a.work.job.job_id, 0)) for a in answered]

    def _decide(self, job: Job, answer: SourceAnswer, gone: int, kills: int) -> Outcome:
        """The answer is on its row; where does it lead, if the job still waits for it? `gone`, `kills`: how often it
        was like that before. Who decided while it was asked has begun to count the tries anew.
        """
        if job.stage is not Stage.SUBMIT:
            return Nothing(f"looked at in stage {job.stage}")
        match answer:
            case Fit(seen=seen):
                detail = {"width": seen.width, "height": seen.height, "media_type": seen.media_type}
                again = PaymentCompleted(job_id=job.job_id, traceparent=job.traceparent)
                return Move(Stage.SUBMIT, "source_checked", detail, (again,))
            case Bad(reason=reason, why=why):
                return failed(job, reason, why)
            case Missing(why=why) if min(gone, job.tries) >= GONE_TRIES - 1:
                return failed(job, "source_gone", why)
            case NotSeen(why=why, killed=True) if min(kills, job.tries) >= KILLED_TRIES - 1:
                return failed(job, "source_unfit", f"too_costly: {why}")
            case Missing(why=why) | NotSeen(why=why):
                wait_s = backoff_s(self._plan, job.tries)
                kind = KILLED if isinstance(answer, NotSeen) and answer.killed else "source_not_seen"
                return Wait(wait_s, counted=True, kind=kind, detail={"why": why})

    def _look(self, about: LookAtSource, folder: Path) -> SourceAnswer:
        file, small = folder / "source", folder / "small.png"
        with file.open("wb") as target:
            fetched = self._fetch(about, target)
        if not isinstance(fetched, Fetched):
            return fetched
        with AT_ONCE:
            seen = self._eyes.look(Look(str(file), ALLOWED, *self._megapixels, small_copy=str(small)))
        if isinstance(seen, Unfit):
            return Bad("source_unfit", f"{seen.kind}: {seen.measured}")
        if about.size not in {(seen.width, seen.height), seen.upright}:
            sold = f"{about.size[0]} x {about.size[1]}"
            return Bad("source_changed", f"{seen.width} x {seen.height} instead of {sold}", tell=True)
        self._storage.write(reference_key(about.job_id), small)
        return Fit(seen, fetched.size, fetched.sha256)

    def _fetch(self, about: LookAtSource, target: BinaryIO) -> Fetched | Bad | Missing | NotSeen:
        if about.kind == "upload":
            return self._take_upload(about.url, target)
        match self._guard.fetch(about.url, target, self._limits):
            case Refused(reason=reason, gone=True):
                return Missing(reason)
            case Refused(reason=reason):
                return Bad("source_refused", reason, tell=True)
            case Unreached(reason=reason):
                return NotSeen(reason)
            case Fetched() as fetched:
                return fetched

    def _take_upload(self, url: str, target: BinaryIO) -> Fetched | Missing:
        try:
            found = self._storage.read(f"uploads/{url.removeprefix('upload:')}")
        except MissingFileError as error:
            return Missing(str(error))
        digest = hashlib.sha256()
        for chunk in found.chunks:
            digest.update(chunk)
            target.write(chunk)
        return Fetched(found.size, digest.hexdigest(), "")


def _about(job: Job, known: Source | None) -> LookAtSource:
    size = (job.source_width, job.source_height)
    gone = known.gone if known and not _anew(job, known) else 0
    return LookAtSource(job.job_id, job.source_kind, job.source_url, size, gone)


def _anew(job: Job, known: Source | None) -> bool:
    """A person's decision counts the tries anew, and so what the source's server said."""
    return known is not None and known.gone > 0 and job.tries == 0


def _record(job_id: UUID, answer: SourceAnswer) -> SourceRecord | None:
    match answer:
        case Fit(seen=s, file_size=file_size, sha256=sha256):
            return SourceRecord(job_id, None, s.width, s.height, s.orientation, s.media_type, file_size, sha256)
        case Bad(reason=reason, why=why):
            return SourceRecord(job_id, f"{reason}: {why}")
    return None
