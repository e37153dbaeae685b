"""The stage `fetch` and the end of `keep`: a result is fetched, checked, stored (results.py) and linked; later removed.

Consumes: upscale.done, file.expired.
Publishes: job.completed; upscale.failed when the result is no good and no attempt is left.
Replays: a job in `announce` emits job.completed again. A fetch may be run twice without harm (each has a key of its
own), so a redelivered message, whose worker is gone, does not wait for that worker's claim to run out.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from common import attempts, jobs, links, notices, sources
from common.admin.handing import HANDED_IN
from common.attempts import Attempt, AttemptState
from common.attention import close_attention, raise_attention
from common.batches import backoff_s
from common.database import Transaction
from common.events import Event, FileExpired, JobCompleted, UpscaleDone
from common.failures import failed
from common.jobs import Job
from common.lane import Answered, Question, Work
from common.outcomes import Move, Nothing, Outcome, Wait
from common.pictures.examiner import KILLED, KILLED_TRIES
from common.pictures.facts import Unfit
from common.provider import NULL_URL
from common.signing import Signer, hash_token
from common.sources import Source
from common.stages import HOUR_S, Plan, Stage, Status
from common.storage import Storage, StorageError
from services.finisher import deliveries, handed
from services.finisher.deliveries import FetchClaim, StoredFile
from services.finisher.results import Barred, Failed, Fetch, FetchAnswer, Gone, Results, TooLate
from services.finisher.settings import DeliverSettings

HELD_A_THREAD = 4  # pictures take seconds: more would keep a backlog from new replicas
MARGINS = 4  # a claimed fetch waits so long for its turn, or is put back: what a lost message costs is its lease
AT_WORK_S = 60.0  # files are removed when no fetch may still write one
BARRED = "result_barred"  # in the history and on the attention list: the shop's settings bar the provider's host
CHECKED_ATTEMPTS = 2  # a failed check gets one more submission, then a refund


@dataclass(frozen=True, slots=True)
class Remove:
    """The keys of a job whose time is over; their removal is committed."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Removed:
    """The files are gone."""


class Deliver:
    """The lane `deliver`. See the module's contract."""

    name = "finisher.deliver"
    events: Sequence[type[Event]] = (UpscaleDone, FileExpired)
    acts_on_held = False
    reads: Sequence[str] = (attempts.OF_JOBS, deliveries.RUNNING)

    def __init__(self, settings: DeliverSettings, plans: Mapping[Stage, Plan]) -> None:
        self.threads = settings.finish_threads
        few = HELD_A_THREAD * self.threads
        self.prefetch = settings.prefetch if settings.upsampler_url == NULL_URL else min(settings.prefetch, few)
        self._turn_s = MARGINS * settings.claim_margin_s
        self._lease_s = self._turn_s + settings.fetch_deadline_s + settings.check_and_store_s
        self._settings = settings
        self._plans = plans
        self._storage = Storage(settings.storage_url)
        self._results = Results(settings, self._storage)
        self._signer = Signer(settings.secret_key)

    def begin(self, tx: Transaction, work: Sequence[Work]) -> Sequence[Question | Outcome]:
        ids = [w.job.job_id for w in work]
        tried, claims = attempts.of_jobs(tx, ids), deliveries.running(tx, ids)
        steps = [self._step(w, tried[w.job.job_id], claims[w.job.job_id]) for w in work]
        seen = self._sources(tx, steps)
        steps = [_with_source(step, seen, time.monotonic() + self._turn_s) for step in steps]
        fetches = [s.about.claim for s in steps if isinstance(s, Question) and isinstance(s.about, Fetch)]
        if fetches:
            deliveries.claim(tx, fetches, self._lease_s)
        sold = [w.job.job_id for w in work if w.job.delivered and not w.job.canary]
        early = dict(deliveries.time_left(tx, sold, self._plans[Stage.KEEP].first_s)) if EXPIRED in steps else {}
        looking = sources.of_jobs(tx, [w.job.job_id for w in work]) if EXPIRED in steps else {}
        early |= {job_id: AT_WORK_S for job_id, source in looking.items() if source.at_work}
        steps = [self._unless_early(w.job, step, early) for w, step in zip(work, steps, strict=True)]
        expired = [w.job.job_id for w, step in zip(work, steps, strict=True) if step is EXPIRED]
        keys = deliveries.mark_removed(tx, expired) if expired else {}
        return [
            Question(Remove(tuple(keys.get(w.job.job_id, ())))) if step is EXPIRED else step
            for w, step in zip(work, steps, strict=True)
        ]

    def ask(self, about: Fetch | Remove) -> FetchAnswer | Removed:
        if isinstance(about, Remove):
            try:
                self._storage.remove(list(about.keys))
            except StorageError as error:
                return Failed(str(error))
            return Removed()
        return self._results.fetch(about)

    def finish(self, tx: Transaction, answered: Sequence[Answered]) -> Sequence[Outcome]:
        worn = [a.work.job.job_id for a in answered if isinstance(a.answer, Failed) and a.answer.killed]
        kills = jobs.times(tx, worn, KILLED) if worn else {}
        answered = [_told(a, kills.get(a.work.job.job_id, 0)) for a in answered]
        stored = [(a.about.claim, a.answer) for a in answered if isinstance(a.answer, StoredFile)]
        over = [a.about.claim for a in answered if isinstance(a.about, Fetch) and not isinstance(a.answer, StoredFile)]
        raise_attention(
            tx,
            [
                (a.about.claim.job_id, handed.NOT_TAKEN, _why(a.answer))
                for a in answered
                if isinstance(a.answer, Unfit | Gone) and a.about.url == HANDED_IN
            ],
        )
        barred = [
            (a.work.job.job_id, BARRED, a.answer.why)
            for a in answered
            if isinstance(a.answer, Barred) and _awaited(a.work.job, a.about)
        ]
        if barred:
            raise_attention(tx, barred)
            _tell_barred(tx, barred[0][2])
        if stored:
            deliveries.record(tx, stored)
            close_attention(tx, [a.work.job.job_id for a in answered if _came_late(a)], [BARRED])
        if over:
            deliveries.release(tx, over)
        raise_attention(
            tx,
            [
                (a.work.job.job_id, "quality_warning", a.answer.warnings)
                for a in answered
                if isinstance(a.answer, StoredFile) and a.answer.warnings and _awaited(a.work.job, a.about)
            ],
        )
        for a in answered:
            if isinstance(a.answer, Unfit | Gone) and _awaited(a.work.job, a.about):
                attempts.reject(tx, a.about.claim.job_id, a.about.claim.attempt, _why(a.answer))
        outcomes = [self._decide(a.work.job, a.about, a.answer) for a in answered]
        completed = [
            a.work.job
            for a, o in zip(answered, outcomes, strict=True)
            if isinstance(o, Move) and o.to is Stage.ANNOUNCE
        ]
        if completed:
            self._issue_links(tx, completed)
        return outcomes

    def _step(
        self, work: Work, tried: Sequence[Attempt], claims: Sequence[tuple[FetchClaim, bool]]
    ) -> Question | Outcome:
        job = work.job
        if isinstance(work.event, FileExpired):
            return _expired(job, claims)
        if job.stage is Stage.ANNOUNCE and job.status is Status.COMPLETED:
            return Nothing("delivered already", (JobCompleted(job_id=job.job_id, traceparent=job.traceparent),))
        if job.stage is not Stage.FETCH:
            return Nothing(f"in stage {job.stage}")
        won = next(
            (a for a in tried if a.attempt == job.attempt and a.state == AttemptState.SUCCEEDED and a.result_url), None
        )
        if won is None or won.result_url is None or won.result_dead:
            return Move(Stage.SUBMIT, "result_lost", {"attempt": job.attempt}, wake_s=0)
        ours = [(claim, at_work) for claim, at_work in claims if claim.attempt == won.attempt]
        if any(at_work for _, at_work in ours) and not work.redelivered:
            return Nothing("being fetched")
        number = ours[-1][0].claim_no + 1 if ours else 1
        return Question(Fetch(FetchClaim(job.job_id, won.attempt, number), won.result_url, job.result_size, job.factor))

    def _sources(self, tx: Transaction, steps: Sequence[Question | Outcome]) -> Mapping[UUID, Source]:
        """What was seen of the sources of those whose results are now fetched."""
        abouts = [step.about for step in steps if isinstance(step, Question)]
        ids = [about.claim.job_id for about in abouts if about.url != NULL_URL]
        return sources.of_jobs(tx, ids) if ids else {}

    def _unless_early(self, job: Job, step: Question | Outcome, early: Mapping[UUID, float]) -> Question | Outcome:
        """A message is a hint: a forged file.expired removes nothing before its time."""
        return Wait(early[job.job_id]) if step is EXPIRED and job.job_id in early else step

    def _decide(self, job: Job, about: Fetch | Remove, answer: FetchAnswer | Removed) -> Outcome:
        """The answer is on its row; where does it lead, if the job still waits for it?"""
        if job.stage is Stage.KEEP and isinstance(answer, Removed):
            return Move(Stage.SETTLED, "files_removed", {"files": len(about.keys) if isinstance(about, Remove) else 0})
        if isinstance(answer, Failed) and job.stage in {Stage.FETCH, Stage.KEEP}:
            kind, wait_s = KILLED if answer.killed else "stumbled", backoff_s(self._plans[job.stage], job.tries)
            return Wait(wait_s, counted=True, kind=kind, detail={"why": answer.why})
        if not _awaited(job, about):
            return Nothing(f"answered in stage {job.stage}")
        if isinstance(answer, TooLate):  # to the end of the line, with no word of the clock's
            return Nothing(answer.why, (UpscaleDone(job_id=job.job_id, traceparent=job.traceparent),))
        return self._fetched(job, about, answer)

    def _fetched(self, job: Job, about: Fetch | Remove, answer: FetchAnswer | Removed) -> Outcome:
        match answer:
            case StoredFile(file_size=file_size, width=width, height=height):
                detail = {"attempt": job.attempt, "bytes": file_size, "width": width, "height": height}
                event = JobCompleted(job_id=job.job_id, traceparent=job.traceparent)
                return Move(Stage.ANNOUNCE, "completed", detail, (event,), Status.COMPLETED)
            case Unfit() | Gone() if isinstance(about, Fetch) and about.url == HANDED_IN:
                return handed.given_back(job, _why(answer))
            case Unfit(kind=kind, measured=measured):
                return self._next_attempt(job, "check_failed", f"{kind}: {measured}")
            case Barred(why=why):
                wait_s = backoff_s(self._plans[Stage.FETCH], job.tries)
                return Wait(wait_s, counted=True, kind=BARRED, detail={"why": why})
            case Gone(why=why):
                return self._next_attempt(job, "result_gone", why)
        return Nothing("nothing was fetched")

    def _next_attempt(self, job: Job, kind: str, why: str) -> Move:
        detail = {"attempt": job.attempt, "reason": kind, "detail": why}
        if job.attempt - job.attempts_base < CHECKED_ATTEMPTS:
            return Move(Stage.SUBMIT, kind, detail, wake_s=0)
        return failed(job, kind, why)

    def _issue_links(self, tx: Transaction, completed: Sequence[Job]) -> None:
        """What was never delivered has no link: its first needs no look."""
        generations = {job.job_id: 1 for job in completed if not job.delivered}
        if again := [job.job_id for job in completed if job.delivered]:
            generations |= links.next_generations(tx, again)
        issued = [(j, n, hash_token(self._signer.download_token(j, n))) for j, n in generations.items()]
        links.issue_links(tx, issued, self._settings.download_ttl_hours * HOUR_S)


def _with_source(step: Question | Outcome, seen: Mapping[UUID, Source], start_before: float) -> Question | Outcome:
    if not isinstance(step, Question):
        return step
    return Question(step.about._replace(source=seen.get(step.about.claim.job_id), start_before=start_before))


def _expired(job: Job, claims: Sequence[tuple[FetchClaim, bool]]) -> Outcome:
    if job.stage is not Stage.KEEP:
        return Nothing(f"in stage {job.stage}")
    at_work = any(busy for _, busy in claims)
    return Wait(AT_WORK_S, kind="file_being_written") if at_work else EXPIRED


def _told(answered: Answered, kills: int) -> Answered:
    """A picture whose decoder is killed again and again is no better than one that passes its bounds. `kills`: how
    often it was before.
    """
    answer = answered.answer
    again = min(kills, answered.work.job.tries) >= KILLED_TRIES - 1
    worn = isinstance(answer, Failed) and answer.killed and again
    return answered._replace(answer=Unfit("too_costly", answer.why)) if worn else answered


def _tell_barred(tx: Transaction, why: str) -> None:
    """One mail speaks for all the orders that wait."""
    notices.tell(
        tx,
        f"{BARRED}:{notices.this_hour(tx)}",
        "Results are kept where we fetch nothing: orders wait",
        f"{why}.\n\nIf the provider keeps its results there, add the host to RESULT_HOSTS (one inside your own network "
        "to OUTBOUND_ALLOW, too) and restart the finisher: the orders then go on by themselves. An order that is not "
        "delivered by its date is refunded.",
    )


def _came_late(answered: Answered) -> bool:
    """The result is there, and was not when one was first asked for."""
    job = answered.work.job
    return isinstance(answered.answer, StoredFile) and (job.tries > 0 or job.attempt > 1)


def _why(answer: Unfit | Gone) -> str:
    return answer.why if isinstance(answer, Gone) else f"{answer.kind}: {answer.measured}"


def _awaited(job: Job, about: Fetch | Remove) -> bool:
    """Whether the job still waits for this very result."""
    return job.stage is Stage.FETCH and isinstance(about, Fetch) and about.claim.attempt == job.attempt


EXPIRED = Nothing("expired")  # replaced in `begin` by the removal of the files, once their keys are known
