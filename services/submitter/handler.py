"""The stage `submit`: a paid order is submitted to the provider, once per attempt.

Consumes: payment.completed.
Publishes: upscale.submitted; upscale.failed when the picture is refused or the attempts are used up; itself again once
the order's source was found fit (source.py).
With `admin_override` a paid job in any stage but an open refund is done again: see override.py.
Replays: an order in `watch` emits upscale.submitted again; a claim that is still running is left alone; a claim that
ran out without an answer is *unknown*: it may have been accepted, so the job is watched, never submitted again at once.
"""

import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from typing import NamedTuple
from uuid import UUID

from common import attempts, breaker, budget, capacity, crash
from common.attempts import Attempt, AttemptState, Claim, Record
from common.attention import close_attention, raise_attention
from common.batches import backoff_s
from common.capacity import Turn
from common.database import Transaction
from common.events import Event, PaymentCompleted, UpscaleSubmitted
from common.failures import failed
from common.jobs import Job
from common.lane import Answered, Question, Work
from common.outcomes import Move, Nothing, Outcome, Wait
from common.provider import (
    NULL_URL,
    NotAccepted,
    OurTrouble,
    PictureRefused,
    Report,
    State,
    Submission,
    SubmitAnswer,
    Unknown,
)
from common.signing import Signer
from common.stages import HOUR_S, Plan, Stage, Status
from services.submitter import override
from services.submitter.answers import TooLate, record_of
from services.submitter.metrics import SUBMISSION_SECONDS, SUBMISSIONS, SUSPECTED_DOUBLES
from services.submitter.override import Override
from services.submitter.settings import SubmitterSettings
from services.submitter.source import LookAtSource, SourceAnswer, Sources

OUR_TROUBLE_WAIT_S = 60.0
REFUSED = "provider_refuses_us"  # in the history and on the attention list

_answered = cache(SUBMISSIONS.labels)


class Ask(NamedTuple):
    """One claimed call. `start_before`: monotonic seconds after which the claim is no longer ours to use."""

    claim: Claim
    submission: Submission
    start_before: float


Step = Claim | Record | Override | Question | Outcome


class Submit:
    """The lane `submit`. See the module's contract."""

    name = "submitter"
    events: Sequence[type[Event]] = (PaymentCompleted,)
    acts_on_held = False
    reads: Sequence[str] = (attempts.OF_JOBS,)

    def __init__(self, settings: SubmitterSettings, plans: Mapping[Stage, Plan]) -> None:
        self.threads, self.prefetch = settings.threads, settings.prefetch
        self._settings = settings
        self._plan = plans[Stage.SUBMIT]
        self._provider = settings.provider
        self._sources = Sources(settings, self._plan)
        # A call starts within the margin, connects and reads within two time-outs, and leaves a margin to its answer.
        self._lease_s = 2 * settings.claim_margin_s + 2 * settings.upsampler_timeout_s
        self._limited = settings.upsampler_url != NULL_URL
        self._limits = settings.limits
        self._caps = settings.hard_caps
        self._signer = Signer(settings.secret_key)

    def begin(self, tx: Transaction, work: Sequence[Work]) -> Sequence[Question | Outcome]:
        known = attempts.of_jobs(tx, [w.job.job_id for w in work])
        overriding = [w.job.job_id for w in work if _overrides(w.event)]
        refunding = override.refunding(tx, overriding) if overriding else set()
        steps: Sequence[Step] = [self._first(w, known[w.job.job_id], refunding) for w in work]
        sources = self._sources.begin(tx, work, steps)
        steps = [sources.get(w.job.job_id, step) for w, step in zip(work, steps, strict=True)]
        override.note(tx, [step for step in steps if isinstance(step, Override)])
        records = [step for step in steps if isinstance(step, Record)]
        attempts.record(tx, records, self._settings.result_life_s)
        wanted = {step.job_id: step for step in steps if isinstance(step, Claim)}
        turns = self._turns(tx, list(wanted))
        kept = self._beyond_budget(tx, [w.job for w in work if w.job.job_id in wanted and turns[w.job.job_id].go])
        granted = [claim for job, claim in wanted.items() if turns[job].go and job not in kept]
        if granted and not crash.broken("no_attempt_row"):
            attempts.claim(tx, granted, self._lease_s)
        return [
            budget.held() if w.job.job_id in kept else self._granted(w.job, step, turns)
            for w, step in zip(work, steps, strict=True)
        ]

    def ask(self, about: Ask | LookAtSource) -> SubmitAnswer | SourceAnswer | TooLate:
        if isinstance(about, LookAtSource):
            return self._sources.ask(about)
        if (began := time.monotonic()) > about.start_before:
            return TooLate()
        crash.point("before_submit")
        answer = self._provider.submit(about.submission)
        crash.point("after_submit")
        SUBMISSION_SECONDS.observe(time.monotonic() - began)
        _answered(type(answer).__name__).inc()
        return answer

    def finish(self, tx: Transaction, answered: Sequence[Answered]) -> Sequence[Outcome]:
        looked = [a for a in answered if isinstance(a.about, LookAtSource)]
        asked = [a for a in answered if not isinstance(a.about, LookAtSource)]
        outcomes = {a.work.job.job_id: o for a, o in zip(looked, self._sources.finish(tx, looked), strict=True)}
        outcomes |= {a.work.job.job_id: o for a, o in zip(asked, self._submitted(tx, asked), strict=True)}
        return [outcomes[a.work.job.job_id] for a in answered]

    def _submitted(self, tx: Transaction, answered: Sequence[Answered]) -> Sequence[Outcome]:
        if not answered:
            return []
        if crash.broken("no_attempt_row"):
            attempts.claim(tx, [a.about.claim._replace(again=True) for a in answered], self._lease_s)
        hooked = self._told_meanwhile(tx, [a.about.claim for a in answered if isinstance(a.answer, Unknown)])
        if not crash.broken("answer_not_recorded"):
            records = [record_of(a, told_by_webhook=a.about.claim in hooked) for a in answered]
            attempts.record(tx, records, self._settings.result_life_s)
        raise_attention(
            tx, [(a.work.job.job_id, REFUSED, a.answer.why) for a in answered if isinstance(a.answer, OurTrouble)]
        )
        again = [a for a in answered if a.about.claim.claim_no > 1]  # it was not accepted before
        close_attention(tx, [a.work.job.job_id for a in again if isinstance(a.answer, Report)], [REFUSED])
        if self._limited:
            breaker.heard(tx, [a.answer for a in answered], self._limits)
            refused = [a.work.job.job_id for a in answered if isinstance(a.answer, NotAccepted)]
            capacity.queue_behind_breaker(tx, refused)
        return [self._decide(a, told_by_webhook=a.about.claim in hooked) for a in answered]

    def _told_meanwhile(self, tx: Transaction, lost: Sequence[Claim]) -> AbstractSet[Claim]:
        """Of those whose answer was lost, whom the provider's webhook has told its id: it has the picture."""
        known = attempts.of_jobs(tx, [claim.job_id for claim in lost]) if lost else {}
        told = {(a.job_id, a.attempt) for tried in known.values() for a in tried if a.provider_id is not None}
        return {claim for claim in lost if claim[:2] in told}

    def _turns(self, tx: Transaction, wanted: Sequence[UUID]) -> Mapping[UUID, Turn]:
        """Whose turn it is; everybody's, where the provider knows no limits."""
        if not wanted or not self._limited:
            return {job: Turn(go=True, left_s=self._settings.claim_margin_s) for job in wanted}
        return capacity.turns(tx, wanted, self._limits, self._settings.capacity_wait_s)

    def _beyond_budget(self, tx: Transaction, going: Sequence[Job]) -> AbstractSet[UUID]:
        """Those whose turn it is and for whom a budget with a hard stop has no room."""
        if not going or not self._limited or not self._caps:
            return frozenset()
        return {job.job_id for job in going} - budget.affordable(tx, self._caps, going)

    def _first(self, work: Work, tried: Sequence[Attempt], refunding: AbstractSet[UUID]) -> Step:
        """An operator's wish comes before the stage."""
        match work.event:
            case PaymentCompleted(admin_override=True, request_id=request_id):
                promise_s = self._settings.delivery_promise_hours * HOUR_S
                in_refund = work.job.job_id in refunding
                return override.decide(work.job, tried, request_id, promise_s, refunding=in_refund)
        return self._step(work.job, tried)

    def _step(self, job: Job, tried: Sequence[Attempt]) -> Step:
        """What the order needs, from its row and its attempts: a claim, a record of the unknown, or an outcome."""
        if job.stage is Stage.WATCH:
            return Nothing("submitted already", (_submitted(job, job.attempt),))
        if job.stage is not Stage.SUBMIT:
            return Nothing(f"in stage {job.stage}")
        last = tried[-1] if tried else None
        running = next((a for a in tried if a.attempt > job.attempts_base and a.promising), None)
        if running:
            return self._watch(job, running.attempt, {"attempt": running.attempt})
        if last and last.state == AttemptState.CLAIMED:
            if not last.claim_over:
                return Nothing("being submitted")
            heard = last.provider_id is not None  # the provider's webhook has told its id meanwhile
            state = AttemptState.OPEN if heard else AttemptState.UNKNOWN
            return Record(
                job.job_id, last.attempt, state, ended=False, error=None if heard else "no answer was recorded"
            )
        if last and last.state == AttemptState.WAITING:
            return Claim(job.job_id, last.attempt, last.claim_no + 1, again=True)
        number = last.attempt + 1 if last else 1
        if number - job.attempts_base > self._settings.max_attempts:
            return self._beyond(job, [a for a in tried if a.attempt > job.attempts_base], number)
        return Claim(job.job_id, number, 1)

    def _beyond(self, job: Job, made: Sequence[Attempt], number: int) -> Step:
        """All attempts are made. What the provider never answered says nothing of the order: it is tried until its
        promise ends, each time after twice as long (docs/decisions/0031).
        """
        most = self._settings.max_attempts
        if sum(not _silent(a) for a in made) >= most:
            return failed(job, "attempts_used_up", f"{most} attempts brought no good result")
        pause_s = self._settings.submit_unknown_wait_s * 2.0 ** min(len(made) - most, 16)
        left_s = pause_s - (made[-1].ended_s or 0.0) if _silent(made[-1]) else 0.0
        return Wait(left_s) if left_s > 0 else Claim(job.job_id, number, 1)

    def _granted(self, job: Job, step: Step, turns: Mapping[UUID, Turn]) -> Question | Outcome:
        match step:
            case Override(move=move):
                return move
            case Claim() if turns[step.job_id].go:
                left_s = min(self._settings.claim_margin_s, turns[step.job_id].left_s)
                return Question(Ask(step, self._submission(job, step.attempt), time.monotonic() + left_s))
            case Claim():
                return Wait(turns[step.job_id].wait_s)
            case Record(state=AttemptState.OPEN, attempt=attempt):
                return self._watch(job, attempt, {"attempt": attempt, "told_by": "webhook"})
            case Record(attempt=attempt):
                return self._leads(job, attempt, Unknown("no answer was recorded"))
        return step

    def _decide(self, answered: Answered, *, told_by_webhook: bool) -> Outcome:
        """The answer is on its row; where does it lead, if the job still waits for it?"""
        job, attempt = answered.work.job, answered.about.claim.attempt
        if job.stage is not Stage.SUBMIT:
            return Nothing(f"answered in stage {job.stage}")
        if told_by_webhook:
            return self._watch(job, attempt, {"attempt": attempt, "told_by": "webhook"})
        return self._leads(job, attempt, answered.answer)

    def _leads(self, job: Job, attempt: int, answer: SubmitAnswer | TooLate) -> Outcome:
        match answer:
            case Report(state=State.FAILED, error=error):
                return failed(job, "provider_failed", error or "no reason given")
            case Report(provider_id=provider_id):
                return self._watch(job, attempt, {"attempt": attempt, "provider_id": provider_id})
            case Unknown(why=why):
                SUSPECTED_DOUBLES.inc()
                wait_s = self._settings.submit_unknown_wait_s
                return Move(
                    Stage.WATCH,
                    "submission_unknown",
                    {"attempt": attempt, "why": why},
                    (),
                    Status.PROCESSING,
                    wait_s,
                    attempt,
                )
            case PictureRefused(why=why):
                return failed(job, "picture_refused", why)
            case OurTrouble():
                return Wait(OUR_TROUBLE_WAIT_S, kind=REFUSED, detail={"why": answer.why})
            case NotAccepted(busy=busy, retry_after_s=retry_after_s):
                return Wait(retry_after_s or backoff_s(self._plan, job.tries), counted=not busy)
            case TooLate():
                return Wait(0.0)

    def _watch(self, job: Job, attempt: int, detail: Mapping[str, object]) -> Move:
        return Move(Stage.WATCH, "submitted", detail, (_submitted(job, attempt),), Status.PROCESSING, attempt=attempt)

    def _submission(self, job: Job, attempt: int) -> Submission:
        base = self._settings.public_url.rstrip("/")
        signature = self._signer.sign("upsampler-webhook", job.job_id, attempt)
        webhook = f"{base}/smi-webhook/upsampler/?job={job.job_id}&attempt={attempt}&sig={signature}"
        return Submission(job.job_id, self._source(job, base), job.factor, webhook)

    def _source(self, job: Job, base: str) -> str:
        """The picture's own address; an upload is handed over by a signed, short-lived one of ours."""
        if job.source_kind != "upload":
            return job.source_url
        expires = int(time.time() + self._settings.source_link_hours * 3600)
        return f"{base}/source/{job.job_id}/{expires}/{self._signer.sign('source', job.job_id, expires)}"


def _silent(attempt: Attempt) -> bool:
    """Nobody ever heard of this submission: the provider may have it or not."""
    return attempt.state == AttemptState.UNKNOWN and attempt.provider_id is None


def _overrides(event: Event) -> bool:
    return isinstance(event, PaymentCompleted) and event.admin_override


def _submitted(job: Job, attempt: int) -> UpscaleSubmitted:
    return UpscaleSubmitted(job_id=job.job_id, attempt=attempt or None, traceparent=job.traceparent)
