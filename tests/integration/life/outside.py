"""A plain model of the outside world for one job: what was really done there, whatever anybody was told of it."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import UUID

from common.pictures.facts import Seen, Unfit
from common.provider import NotAccepted, OurTrouble, PictureRefused, Report, State, Unclear, Unknown
from common.refunds import StripeRefund
from common.sources import reference_key
from services.finisher.deliveries import StoredFile
from services.finisher.handler_deliver import Remove, Removed
from services.finisher.results import Barred, Failed, Fetch, Gone
from services.finisher.stripe import RefundedElsewhere, RefundOrder, RefundRejected, RefundState, RefundUnclear
from services.notifier.handler import Send
from services.notifier.smtp import NotSent, Sent
from services.poller.handler import Look
from services.submitter.handler import Ask
from services.submitter.source import Bad, Fit, LookAtSource, Missing, NotSeen

GOOD = "good"


@dataclass
class Outside:
    """`submissions`: the accepted ones by attempt; `refund_keys`: under which each refund was asked for; `lost_mails`:
    accepted mails whose answer never came.
    """

    charged: int
    jobs_at_provider: dict[str, State] = field(default_factory=dict)
    submissions: Counter[int] = field(default_factory=Counter)
    refunds: dict[str, tuple[str, int]] = field(default_factory=dict)  # key -> (Stripe's id, cents)
    refund_keys: defaultdict[UUID, set[str]] = field(default_factory=lambda: defaultdict(set))
    mails: Counter[tuple[str, str]] = field(default_factory=Counter)  # (kind, Message-ID)
    lost_mails: int = 0
    files: set[str] = field(default_factory=set)

    def call(self, about: Any, how: str) -> Any:
        """Have it done, and answer; `how` it goes is one of `WAYS` for this kind of call."""
        match about:
            case Ask():
                return self._submit(about, how)
            case LookAtSource():
                return self._look_at_source(about, how)
            case Look():
                return tuple((attempt, self._look(provider_id, how)) for attempt, provider_id in about.submissions)
            case Fetch():
                return self._fetch(about, how)
            case Remove(keys=keys):
                self.files -= set(keys)
                return Failed("a cut line") if how == "lost" else Removed()
            case RefundOrder():
                return self._refund(about, how)
            case Send():
                return self._mail(about, how)
        raise AssertionError(f"nobody knows {about!r}")

    @property
    def given_back(self) -> int:
        return sum(cents for _, cents in self.refunds.values())

    def _submit(self, about: Ask, how: str) -> Any:
        if how == "busy":
            return NotAccepted("status 429", busy=True)
        if how == "refused":
            return PictureRefused("status 400")
        if how == "ours":
            return OurTrouble("status 402")
        attempt = about.claim.attempt
        self.submissions[attempt] += 1
        provider_id = f"up_{about.claim.job_id}_{attempt}_{self.submissions[attempt]}"
        self.jobs_at_provider[provider_id] = State.FAILED if how == "bad" else State.PROCESSING
        if how == "lost":
            return Unknown("no answer: ReadTimeout")
        return Report(provider_id, self.jobs_at_provider[provider_id], None, 1)

    def _look_at_source(self, about: LookAtSource, how: str) -> Any:
        if how in {"lost", "busy"}:
            return NotSeen("a cut line")
        if how == "refused":
            return Missing("status 404")
        if how == "bad":
            return Bad("source_unfit", "undecodable: it is cut")
        self.files.add(reference_key(about.job_id))
        seen = Seen(*about.size, 1, "image/jpeg", alpha=False, profile=False, mean=(0.0,), deviation=(0.0,))
        return Fit(seen, 3, sha256(b"jpg").hexdigest())

    def _look(self, provider_id: str, how: str) -> Report | Unclear:
        if how == "lost":
            return Unclear("status 500")
        state = self.jobs_at_provider[provider_id]
        if state is State.PROCESSING and how in {GOOD, "bad"}:
            state = self.jobs_at_provider[provider_id] = State.SUCCEEDED if how == GOOD else State.FAILED
        url = f"https://results.example/{provider_id}" if state is State.SUCCEEDED else None
        return Report(provider_id, state, url, 1)

    def _fetch(self, about: Fetch, how: str) -> Any:
        if how in {"lost", "busy"}:
            return Failed("a cut line")
        if how == "bad":
            return Unfit("undecodable", "it is cut")
        if how == "refused":
            return Gone("status 404")
        if how == "ours":
            return Barred("the host cdn.example is not on the list")
        self.files.add(about.claim.file_key)
        return StoredFile(3, sha256(b"png").hexdigest(), "image/png", *about.size)

    def _refund(self, about: RefundOrder, how: str) -> Any:
        self.refund_keys[about.refund_id].add(about.idempotency_key)
        if how in {"busy", "bad"}:
            return RefundUnclear("APIConnectionError: no answer")
        if how == "ours":
            return RefundRejected("AuthenticationError")
        known = self.refunds.get(about.idempotency_key)
        if known is None:
            if self.given_back + about.amount_cents > self.charged:
                return RefundedElsewhere(tuple(_told(about, *made) for made in self.refunds.values()))
            known = self.refunds[about.idempotency_key] = (f"re_{about.refund_id}", about.amount_cents)
        if how == "lost":
            return RefundUnclear("APIConnectionError: no answer")
        return RefundState(_told(about, *known))

    def _mail(self, about: Send, how: str) -> Any:
        if how in {"busy", "bad", "ours", "refused"}:
            return NotSent("451 try again later", refuses_us=how == "ours")
        self.mails[about.key.kind, about.message_id] += 1
        if how == "lost":
            self.lost_mails += 1
            return NotSent("SMTPServerDisconnected", maybe=True)
        return Sent()


WAYS = (GOOD, "lost", "bad", "busy", "refused", "ours")


def _told(about: RefundOrder, name: str, cents: int) -> StripeRefund:
    """A refund of this payment as Stripe tells it: its metadata says which row of ours it was made for."""
    ours = UUID(name.removeprefix("re_"))
    return StripeRefund(name, about.payment_intent, cents, "succeeded", moved=True, ours=ours)


def hint_id(outside: Outside, job_id: UUID, attempt: int) -> str | None:
    """The provider's id for an attempt, as its webhook would tell it."""
    return next((known for known in outside.jobs_at_provider if known.startswith(f"up_{job_id}_{attempt}_")), None)
