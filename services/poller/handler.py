"""The stage `watch`: the provider is asked how the submissions of a job stand.

Consumes: upscale.submitted (a first look if the provider's webhook already spoke), upscale.check.
Publishes: upscale.done, upscale.failed; payment.completed where a submission is heard of after it was given up.
Replays: a job in `fetch` emits upscale.done again, one in `refund` upscale.failed. Asking twice harms nobody: a status
check has no effect at the provider, so it needs no claim.
"""

import math
import time
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

from common import attempts, capacity, crash
from common.attempts import Attempt, AttemptState, Record
from common.batches import backoff_s
from common.database import Transaction
from common.events import Event, PaymentCompleted, UpscaleCheck, UpscaleDone, UpscaleSubmitted
from common.failures import failed
from common.jobs import Job
from common.lane import Answered, Question, Work
from common.limits import LATE_S
from common.outcomes import Move, Nothing, Outcome, Wait
from common.provider import NULL_URL, Report, State, Unclear
from common.stages import Plan, Stage
from services.poller.metrics import LOOK_SECONDS, LOOKS, RESULTS
from services.poller.settings import PollerSettings

LATE_STAGES = (Stage.REFUND, Stage.ANNOUNCE, Stage.REMIND, Stage.KEEP, Stage.SETTLED, Stage.FETCH)

_looked, _ended = cache(LOOKS.labels), cache(RESULTS.labels)


class Look(NamedTuple):
    """The open submissions of one job: (attempt, the provider's id). `start_before`: monotonic seconds after which the
    slot time of these calls is over.
    """

    submissions: tuple[tuple[int, str], ...]
    start_before: float = math.inf


Looked = tuple[tuple[int, Report | Unclear], ...]


class Watch:
    """The lane `watch`. See the module's contract."""

    name = "poller"
    events: Sequence[type[Event]] = (UpscaleSubmitted, UpscaleCheck)
    acts_on_held = False
    reads: Sequence[str] = (attempts.OF_JOBS,)

    def __init__(self, settings: PollerSettings, plans: Mapping[Stage, Plan]) -> None:
        self.threads, self.prefetch = settings.threads, settings.prefetch
        self._settings = settings
        self._plan = plans[Stage.WATCH]
        self._provider = settings.provider
        self._limited = settings.upsampler_url != NULL_URL

    def begin(self, tx: Transaction, work: Sequence[Work]) -> Sequence[Question | Outcome]:
        known = attempts.of_jobs(tx, [w.job.job_id for w in work])
        steps = [self._step(w, known[w.job.job_id]) for w in work]
        lost = [_lost(a) for w in work for a in known[w.job.job_id] if w.job.stage is Stage.WATCH and self._given_up(a)]
        attempts.record(tx, lost, self._settings.result_life_s)
        return self._in_turn(tx, work, steps) if self._limited else steps

    def ask(self, about: Look) -> Looked:
        if time.monotonic() > about.start_before:
            return ()
        crash.point("before_status")
        with LOOK_SECONDS.time():
            looked = tuple((attempt, self._provider.status(provider_id)) for attempt, provider_id in about.submissions)
        crash.point("after_status")
        for _, told in looked:
            _looked(told.state.value if isinstance(told, Report) else "unclear").inc()
        return looked

    def finish(self, tx: Transaction, answered: Sequence[Answered]) -> Sequence[Outcome]:
        records = [_record(a.work.job, attempt, told) for a in answered for attempt, told in a.answer]
        attempts.record(tx, [r for r in records if r], self._settings.result_life_s)
        known = attempts.of_jobs(tx, [a.work.job.job_id for a in answered])
        for a in answered:
            _count_ended(a.answer, known[a.work.job.job_id])
        outcomes = [self._decide(a.work.job, a.answer, known[a.work.job.job_id]) for a in answered]
        timed_out = [
            Record(a.work.job.job_id, row.attempt, AttemptState.FAILED, ended=True, error="timeout")
            for a, outcome in zip(answered, outcomes, strict=True)
            if isinstance(outcome, Move) and outcome.failure_reason == "timeout"
            for row in known[a.work.job.job_id]
            if not row.ended
        ]
        attempts.record(tx, timed_out, self._settings.result_life_s)
        return outcomes

    def _in_turn(
        self, tx: Transaction, work: Sequence[Work], steps: Sequence[Question | Outcome]
    ) -> Sequence[Question | Outcome]:
        """Those who would ask do so at the slot times of their calls."""
        calls = {
            w.job.job_id: len(step.about.submissions)
            for w, step in zip(work, steps, strict=True)
            if isinstance(step, Question)
        }
        if not calls:
            return steps
        waits = capacity.check_waits(tx, calls, self._settings.upsampler_checks_per_min)
        start_before = time.monotonic() + LATE_S
        return [
            _asked_in(waits[w.job.job_id], step.about, start_before) if isinstance(step, Question) else step
            for w, step in zip(work, steps, strict=True)
        ]

    def _step(self, work: Work, tried: Sequence[Attempt]) -> Question | Outcome:
        job = work.job
        look = Look(tuple((a.attempt, a.provider_id) for a in tried if not a.ended and a.provider_id))
        if job.stage is Stage.WATCH:
            return self._watching(work, tried, look)
        if job.stage is Stage.SUBMIT and isinstance(work.event, UpscaleCheck) and look.submissions:
            # heard of after it was given up: the submitter sees that it runs, and submits no other
            return Nothing("in stage submit", (PaymentCompleted(job_id=job.job_id, traceparent=job.traceparent),))
        if job.stage is Stage.FETCH and isinstance(work.event, UpscaleSubmitted):
            return Nothing("done already", (_done(job, job.attempt),))
        if isinstance(work.event, UpscaleCheck) and job.stage in LATE_STAGES and look.submissions:
            return Question(look)  # a result that comes too late is on the books as wasted
        return Nothing(f"in stage {job.stage}")

    def _watching(self, work: Work, tried: Sequence[Attempt], look: Look) -> Question | Outcome:
        job = work.job
        won = _winner(job, tried)
        if won:
            return _to_fetch(job, won)
        waiting = isinstance(work.event, UpscaleSubmitted) and not any(a.hinted and not a.ended for a in tried)
        if look.submissions:
            return Nothing("the first look comes by itself") if waiting else Question(look)
        silent = [a for a in tried if not a.ended and a.state != AttemptState.WAITING and not self._given_up(a)]
        if silent:
            return Wait(max(self._settings.submit_unknown_wait_s - max(a.age_s for a in silent), 0.5))
        return Move(Stage.SUBMIT, "submission_lost", {"attempt": job.attempt}, wake_s=0)

    def _given_up(self, attempt: Attempt) -> bool:
        """No answer and no webhook for so long: it was never accepted, or is lost."""
        silent = attempt.state in {AttemptState.UNKNOWN, AttemptState.CLAIMED} and attempt.claim_over
        return (
            silent
            and not attempt.ended
            and attempt.provider_id is None
            and attempt.age_s >= self._settings.submit_unknown_wait_s
        )

    def _decide(self, job: Job, looked: Looked, tried: Sequence[Attempt]) -> Outcome:
        if job.stage is not Stage.WATCH:
            return Nothing(f"looked in stage {job.stage}")
        won = _winner(job, tried)
        if won:
            return _to_fetch(job, won)
        if not looked:
            return Wait(0.0)  # too late for its slot time
        running = [a for a in tried if not a.ended]
        unclear = [told for _, told in looked if isinstance(told, Unclear)]
        if not running:
            errors = [told.error for _, told in looked if isinstance(told, Report) and told.error]
            return failed(job, "provider_failed", errors[-1] if errors else "no reason given")
        left_s = self._settings.processing_timeout_s - min(a.age_s for a in running)
        if left_s <= 0 and not unclear:
            return failed(job, "timeout", f"no result after {self._settings.processing_timeout_s:.0f} s")
        if unclear:
            wait_s = max((told.retry_after_s or 0 for told in unclear), default=0) or backoff_s(self._plan, job.tries)
            return Wait(wait_s, counted=True, kind="check_unclear", detail={"why": unclear[-1].why})
        return Wait(max(min(self._settings.poll_interval_s, left_s), 0.1))


def _count_ended(looked: Looked, tried: Sequence[Attempt]) -> None:
    """Webhooks that went silent show here: ends that nobody told us of."""
    hinted = {a.attempt for a in tried if a.hinted}
    for attempt, told in looked:
        if isinstance(told, Report) and told.state in {State.SUCCEEDED, State.FAILED}:
            _ended(told.state.value, "webhook" if attempt in hinted else "poll").inc()


def _asked_in(wait_s: float, look: Look, start_before: float) -> Question | Outcome:
    return Wait(wait_s) if wait_s else Question(look._replace(start_before=start_before))


def _winner(job: Job, tried: Sequence[Attempt]) -> Attempt | None:
    """The first success of any attempt since the last decision of a person wins."""
    return next(
        (
            a
            for a in tried
            if a.state == AttemptState.SUCCEEDED
            and a.attempt > job.attempts_base
            and a.result_url
            and not a.result_dead
        ),
        None,
    )


def _record(job: Job, attempt: int, told: Report | Unclear) -> Record | None:
    if isinstance(told, Unclear):
        return None
    state = {State.SUCCEEDED: AttemptState.SUCCEEDED, State.FAILED: AttemptState.FAILED}.get(
        told.state, AttemptState.OPEN
    )
    return Record(
        job.job_id,
        attempt,
        state,
        state is not AttemptState.OPEN,
        None,
        told.state.value,
        told.result_url,
        None if job.canary else told.credits,
        told.error,
    )


def _lost(attempt: Attempt) -> Record:
    return Record(attempt.job_id, attempt.attempt, AttemptState.UNKNOWN, ended=True, error="never heard of again")


def _done(job: Job, attempt: int) -> UpscaleDone:
    return UpscaleDone(job_id=job.job_id, attempt=attempt or None, traceparent=job.traceparent)


def _to_fetch(job: Job, won: Attempt) -> Move:
    return Move(Stage.FETCH, "upscaled", {"attempt": won.attempt}, (_done(job, won.attempt),), attempt=won.attempt)
