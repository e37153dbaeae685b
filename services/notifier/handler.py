"""The stage `announce` and the reminder: people are told what became of their order.

Consumes: job.completed, job.refunded, link.expiring, job.attention.
Publishes: nothing.
Replays: a mail is a row before it is sent, unique by its kind and what it is about; an accepted one is never sent
again. Where the server's answer was lost, the repeat carries the same Message-ID.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any, NamedTuple
from uuid import UUID

from common import crash
from common.attention import raise_attention
from common.batches import backoff_s
from common.database import Transaction
from common.events import Event, JobAttention, JobCompleted, JobRefunded, LinkExpiring
from common.jobs import Job
from common.lane import CALLS_HELD, Answered, Question, Work
from common.outcomes import Move, Nothing, Outcome, Wait
from common.signing import Signer
from common.stages import HOUR_S, REMIND_BEFORE_S, Plan, Stage, Status
from common.wording import REFUND_SHOWS, reason
from services.notifier import attention, copies, mails
from services.notifier.letters import Letter, Letters
from services.notifier.mails import LinkFacts, MailKey, MailRow
from services.notifier.metrics import MAILS
from services.notifier.settings import NotifierSettings
from services.notifier.smtp import MAIL_TIMEOUTS, NULL_URL, NotSent, Rejected, SendAnswer, Sent, mailer, row_state

DISPUTED_WAIT_S = 24 * HOUR_S  # the dispute's end wakes the job at once
_mailed = cache(MAILS.labels)
EARLY = timedelta(minutes=1)  # our clock and the database's may differ by this
KINDS: dict[type[Event], str] = {
    JobCompleted: "ready",
    JobRefunded: "refunded",
    LinkExpiring: "expiring",
    JobAttention: "attention",
}


class Send(NamedTuple):
    """One claimed mail. `values` are what its letter says: worked out when it is composed, in no transaction."""

    key: MailKey
    recipient: str
    message_id: str
    values: Callable[[], Mapping[str, Any]]
    locale: str = "en"
    claim_no: int = 1
    start_before: float = 0.0  # monotonic seconds after which the claim is no longer ours to use

    @property
    def letter(self) -> Letter:
        return Letter(self.key.kind, self.recipient, self.message_id, self.locale, self.values())


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rows say about a batch of jobs."""

    links: Mapping[UUID, LinkFacts]
    reasons: Mapping[UUID, Sequence[tuple[int, str, str, datetime]]]
    mails: Mapping[tuple[str, str], MailRow] = field(default_factory=dict)
    resting: Mapping[UUID, bool] = field(default_factory=dict)  # disputed links: whether a decision is still to come


class Notify:
    """The lane `notify`. See the module's contract."""

    name = "notifier"
    events: Sequence[type[Event]] = tuple(KINDS)
    acts_on_held = True  # a held job is what the admin must hear about
    reads: Sequence[str] = (mails.LINKS, mails.OF_JOBS)

    def __init__(self, settings: NotifierSettings, plans: Mapping[Stage, Plan]) -> None:
        self.threads, calls = settings.threads, CALLS_HELD * settings.threads
        self.prefetch = settings.prefetch if settings.smtp_url == NULL_URL else min(settings.prefetch, calls)
        self._settings = settings
        self._plans = plans
        self._signer = Signer(settings.secret_key)
        self._mailer = mailer(settings.smtp_url, settings.smtp_timeout_s)
        self._letters = Letters(settings.mail_from, settings.site_name, settings.support_email, settings.terms_url)
        self._domain = settings.mail_from.rpartition("@")[2]
        self._base = settings.public_url.rstrip("/")
        self._copied = settings.admin_copies if settings.admin_email else ()
        self._link_s = settings.download_ttl_hours * HOUR_S
        self._lease_s = settings.smtp_timeout_s * MAIL_TIMEOUTS + settings.claim_margin_s

    def begin(self, tx: Transaction, work: Sequence[Work]) -> Sequence[Question | Outcome]:
        facts = _facts(tx, work)
        steps = [self._step(w, facts) for w in work]
        checked = self._claimed(tx, work, steps, facts)
        unknown = [w.job.job_id for w, s in zip(work, steps, strict=True) if s is NO_ADDRESS]
        raise_attention(tx, [(job_id, "no_address", "nobody to write to") for job_id in unknown])
        return [self._final(w.job, step) for w, step in zip(work, checked, strict=True)]

    def _claimed(
        self, tx: Transaction, work: Sequence[Work], steps: Sequence[Send | Outcome], facts: Facts
    ) -> list[Send | Outcome]:
        """The mails that are ours to send now. Nearly all are new; what has a row already is looked at."""
        start_before = time.monotonic() + self._settings.claim_margin_s
        ours = [
            self._unless_sent(w.job, s._replace(start_before=start_before), facts.mails) if isinstance(s, Send) else s
            for w, s in zip(work, steps, strict=True)
        ]
        sends = [s for s in ours if isinstance(s, Send)]
        new = [(s.key, s.message_id) for s in sends if s.key[:2] not in facts.mails]
        mails.claim_new(tx, new, self._lease_s)
        mails.claim(tx, [(s.key, s.message_id) for s in sends if s.key[:2] in facts.mails], self._lease_s)
        return ours

    def ask(self, about: Send) -> SendAnswer:
        if time.monotonic() > about.start_before:
            return NotSent("the claim ran out before the mail was sent")
        crash.point("before_mail")
        answer = self._mailer.send(lambda: self._letters.render(about.letter))
        crash.point("after_mail")
        _mailed(about.key.kind, type(answer).__name__.lower()).inc()
        return answer

    def finish(self, tx: Transaction, answered: Sequence[Answered]) -> Sequence[Outcome]:
        newest = _newest(tx, [a for a in answered if a.about.key.kind == "ready" and isinstance(a.answer, Sent)])
        mails.record(tx, [(a.about.key, a.about.claim_no, *row_state(a.answer)) for a in answered])
        for a in answered:
            if isinstance(a.answer, Sent) and a.about.key.kind in self._copied:
                copies.tell(tx, a.work.job, a.about.key, self._base)
        outdated = {a.work.job.job_id for a in answered if _older(a.about.key, newest)}
        mails.start_links(tx, {job: number for job, number in newest.items() if job not in outdated}, self._link_s)
        attention.note(tx, answered)
        return [
            Nothing("a newer link is to be mailed")
            if a.work.job.job_id in outdated
            else self._decide(a.work.job, a.about.key.kind, a.answer)
            for a in answered
        ]

    def _step(self, work: Work, facts: Facts) -> Send | Outcome:
        """Which mail this event asks for, if the job still stands where it is due."""
        job, kind = work.job, KINDS[type(work.event)]
        link = facts.links.get(job.job_id)
        match kind:
            case "attention":
                return self._attention(job, facts.reasons.get(job.job_id, ()))
            case "ready" if job.stage is Stage.ANNOUNCE and job.status is Status.COMPLETED and link:
                return self._to_customer(
                    job, kind, f"{job.job_id}:{link.generation}", partial(self._link_values, job, link)
                )
            case "ready" if job.stage is Stage.ANNOUNCE and job.status is Status.COMPLETED:
                return _without_link(job, facts)
            case "refunded" if job.stage is Stage.ANNOUNCE and job.status is Status.REFUNDED:
                return self._to_customer(job, kind, str(job.job_id), partial(_refund_values, job))
            case "expiring" if job.stage is Stage.REMIND:
                if link is None or link.downloads or link.expires_at <= datetime.now(UTC):
                    return Move(Stage.KEEP, "no_reminder", {"downloads": link.downloads if link else 0})
                early = link.expires_at - datetime.now(UTC) - timedelta(seconds=REMIND_BEFORE_S)
                if early > EARLY:  # a message is a hint: a forged one reminds nobody before the time
                    return Wait(early.total_seconds())
                return self._to_customer(
                    job, kind, f"{job.job_id}:{link.generation}", partial(self._link_values, job, link)
                )
        return Nothing(f"in stage {job.stage}")

    def _to_customer(self, job: Job, kind: str, about: str, values: Callable[[], Mapping[str, Any]]) -> Send | Outcome:
        if not job.email:
            return self._told(job, kind, "nobody_to_mail") if job.canary else NO_ADDRESS
        key = MailKey(kind, about, job.job_id)
        send = self._send(key, job.email, lambda: {**self._shared_values(job), **values()})
        return send._replace(locale=job.locale)

    def _attention(self, job: Job, reasons: Sequence[tuple[int, str, str, datetime]]) -> Send | Outcome:
        if not reasons or not self._settings.admin_email:
            return Nothing("nobody to tell, or nothing to tell")
        values = {
            "job_id": str(job.job_id),
            "reasons": [{"reason": r, "detail": d, "since": since} for _, r, d, since in reasons],
            "admin_url": f"{self._base}/admin/jobs/{job.job_id}",
            "status_url": "",
        }
        return self._send(
            MailKey("attention", str(reasons[-1][0]), job.job_id), self._settings.admin_email, lambda: values
        )

    def _send(self, key: MailKey, recipient: str, values: Callable[[], Mapping[str, Any]]) -> Send:
        return Send(key, recipient, self._message_id(key), values)

    def _message_id(self, key: MailKey) -> str:
        return f"<{key.local_id}@{self._domain}>"

    def _unless_sent(self, job: Job, send: Send, rows: Mapping[tuple[str, str], MailRow]) -> Send | Outcome:
        row = rows.get(send.key[:2])
        if row is None:
            return send
        if row.state in {"claimed", "waiting"} and not row.at_work:
            key = send.key._replace(number=row.number)
            return send._replace(key=key, message_id=self._message_id(key), claim_no=row.claim_no + 1)
        if row.at_work:
            return Nothing("being sent")
        return self._told(job, send.key.kind, "mailed_before")

    def _final(self, job: Job, step: Send | Outcome) -> Question | Outcome:
        if isinstance(step, Send):
            return Question(step)
        return self._told(job, _due(job), "nobody_to_mail") if step is NO_ADDRESS else step

    def _decide(self, job: Job, kind: str, answer: SendAnswer) -> Outcome:
        """The answer is on its row; where does it lead, if the job still waits for it?"""
        match answer:
            case Sent():
                return self._told(job, kind, f"mailed_{kind}")
            case Rejected():
                return self._told(job, kind, "mail_rejected")
            case NotSent(why=why, maybe=maybe) if _due(job) == kind:
                wait_s = backoff_s(self._plans[Stage.ANNOUNCE], job.tries)
                return Wait(wait_s, counted=True, kind="mail_waits", detail={"why": why, "maybe_sent": maybe})
        return Nothing("the clock asks again")

    def _told(self, job: Job, kind: str, fact: str) -> Outcome:
        """The customer was told, or cannot be: the job goes on."""
        if _due(job) != kind:
            return Nothing(fact)
        if job.status is Status.REFUNDED or job.canary:
            return Move(Stage.KEEP, fact, wake_s=0)
        if job.stage is Stage.REMIND:
            return Move(Stage.KEEP, fact)
        return Move(Stage.REMIND, fact, wake_s=max(self._link_s - REMIND_BEFORE_S, 0))

    def _shared_values(self, job: Job) -> dict[str, Any]:
        return {"status_url": f"{self._base}/jobs/{job.ticket}", "ticket_short": job.ticket[3:11]}

    def _link_values(self, job: Job, link: LinkFacts) -> dict[str, Any]:
        token = self._signer.find_download_token(job.job_id, link.generation, link.token_hash)
        if token is None:  # the mail waits, counted, and attention is raised: put the key back
            raise LookupError(f"SECRET_KEY no longer holds the key of the link of job {job.job_id}")
        expires = link.expires_at if job.stage is Stage.REMIND else datetime.now(UTC) + timedelta(seconds=self._link_s)
        return {
            "download_url": f"{self._base}/d/{token}",
            "width": link.width,
            "height": link.height,
            "factor": job.factor,
            "file_size": link.file_size,
            "expires_at": expires,
            "preview_url": f"{self._base}/jobs/{job.ticket}/after" if link.has_preview else None,
        }


def _facts(tx: Transaction, work: Sequence[Work]) -> Facts:
    ids = [w.job.job_id for w in work]
    links = mails.links(tx, ids)
    known = mails.of_jobs(tx, ids)
    dead = [w.job.job_id for w in work if w.job.job_id not in links and _due(w.job) == "ready"]
    calling = [w.job.job_id for w in work if isinstance(w.event, JobAttention)]
    reasons = mails.open_reasons(tx, calling) if calling else {}
    return Facts(links, reasons, known, mails.resting(tx, dead) if dead else {})


def _without_link(job: Job, facts: Facts) -> Outcome:
    """A link that rests during a dispute is mailed when that is won; there is nothing to mail where none is left."""
    if facts.resting.get(job.job_id):
        return Wait(DISPUTED_WAIT_S, kind="announce_disputed")
    return Move(Stage.KEEP, "nothing_to_announce")


def _due(job: Job) -> str:
    """The one mail that the job waits for where it stands; "" for none."""
    if job.stage is Stage.ANNOUNCE:
        return {Status.COMPLETED: "ready", Status.REFUNDED: "refunded"}.get(job.status, "")
    return "expiring" if job.stage is Stage.REMIND else ""


def _newest(tx: Transaction, answered: Sequence[Answered]) -> dict[UUID, int]:
    """The generation of each job's newest link. Whoever makes one moves the job: else it is the one that was mailed."""
    moved = [a.work.job.job_id for a in answered if not a.as_claimed]
    mailed = {a.work.job.job_id: a.about.key.generation for a in answered if a.as_claimed}
    return mailed | (mails.newest_links(tx, moved) if moved else {})


def _older(key: MailKey, newest: Mapping[UUID, int]) -> bool:
    """Whether a newer link was made while this mail was on its way. `newest`: of those whose link was mailed."""
    return key.job_id in newest and key.generation != newest[key.job_id]


def _refund_values(job: Job) -> dict[str, Any]:
    return {
        "reason": reason(job.failure_reason, job.locale),
        "refunded_cents": job.refunded_cents,
        "currency": job.currency,
        "shows": REFUND_SHOWS,
    }


NO_ADDRESS = Nothing("no address")  # replaced in `begin` by the move on, with the attention it raises
