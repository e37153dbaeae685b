"""The verdict: what must hold when all is quiet (traps.md), each rule a function over the evidence."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from tests.chaos.customers import Purchase
from tests.chaos.evidence import Evidence, Mail, Payment, Submission

DELIVERED_SHARE = 0.6
LATE_S = 15.0  # the clock may be at work on what was due this long ago
EXCUSED_BEFORE, EXCUSED_AFTER = timedelta(seconds=25), timedelta(seconds=25)
SUBMIT_TROUBLE = ("submitter", "upsampler", "database", "all")
MAIL_TROUBLE = ("notifier", "smtp", "database", "all")
FETCH_TROUBLE = ("finisher", "upsampler", "ingest", "storage", "database", "all")


@dataclass(frozen=True)
class Violation:
    """A broken promise: which rule, whose order ("" = nobody's), and what shows it."""

    rule: str
    order: str
    evidence: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.order or 'the system'}: {self.evidence}"


@dataclass(frozen=True)
class Verdict:
    """`ambiguities`: repeats that an outage excuses, counted and shown."""

    violations: Sequence[Violation]
    paid: int
    delivered: int
    refunded: int
    ambiguities: Sequence[str]


class Case:
    """The evidence, indexed by order."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.ambiguities: list[str] = []
        paid = [p for p in evidence.purchases if p.session_id in evidence.payments]
        self.orders: list[tuple[Purchase, Payment]] = [(p, evidence.payments[p.session_id]) for p in paid]
        self.mails: dict[str, list[Mail]] = defaultdict(list)
        for mail in evidence.mails:
            self.mails[mail.to].append(mail)
        self.submissions: dict[str, list[Submission]] = defaultdict(list)
        for submission in evidence.submissions:
            self.submissions[submission.job_id].append(submission)

    def delivered(self, purchase: Purchase) -> bool:
        """A link was mailed, and it gives a file."""
        tokens = [t for mail in self.mails[purchase.email] if mail.kind == "ready" for t in mail.tokens]
        return any(self.evidence.downloads[token].status == 200 for token in tokens)

    def excused(self, at: Mail | Submission, targets: Sequence[str]) -> str | None:
        """The disturbance that may have lost the answer to this."""
        for d in self.evidence.disturbances:
            near = d.began - EXCUSED_BEFORE <= at.at <= d.ended + EXCUSED_AFTER
            if near and any(d.target.startswith(target) for target in targets):
                return f"{d.fault} on {d.target}"
        return None


def refunded(payment: Payment) -> int:
    """Cents given back, or on their way."""
    return sum(amount for status, amount in payment.refunds if status in {"succeeded", "pending"})


def judge(evidence: Evidence) -> Verdict:
    """Every rule, over every order."""
    case = Case(evidence)
    violations = [violation for rule in RULES for violation in rule(case)]
    return Verdict(
        violations=violations,
        paid=len(case.orders),
        delivered=sum(case.delivered(purchase) for purchase, _ in case.orders),
        refunded=sum(bool(refunded(payment)) for _, payment in case.orders),
        ambiguities=case.ambiguities,
    )


def _ended(case: Case) -> Iterator[Violation]:
    stands = {row.job_id: f"{row.stage}/{row.status}" for row in case.evidence.rows}
    for purchase, payment in case.orders:
        delivered, given_back = case.delivered(purchase), refunded(payment)
        where = f"paid {payment.amount}, refunded {given_back}, its job stands in {stands.get(payment.job_id)}"
        if delivered and given_back:
            yield Violation("delivered and refunded", payment.job_id, where)
        if not delivered and not given_back:
            yield Violation("neither delivered nor refunded", payment.job_id, where)


def _refunds(case: Case) -> Iterator[Violation]:
    for _, payment in case.orders:
        good = [amount for status, amount in payment.refunds if status in {"succeeded", "pending"}]
        if len(good) > 1:
            yield Violation("more than one refund", payment.job_id, f"{good} of {payment.amount}")
        if good and sum(good) != payment.amount:
            yield Violation("refund of another amount", payment.job_id, f"{good} of {payment.amount}")
        if len(payment.keys) > 1 and not any(status in {"failed", "canceled"} for status, _ in payment.refunds):
            yield Violation("a refund under two keys", payment.job_id, f"{sorted(payment.keys)}")


def _books(case: Case) -> Iterator[Violation]:
    rows = {row.job_id: row for row in case.evidence.rows}
    for _, payment in case.orders:
        row = rows.get(payment.job_id)
        ours = (row.charged_cents, row.refunded_cents) if row else (0, 0)
        if ours != (payment.amount, refunded(payment)):
            yield Violation(
                "books differ", payment.job_id, f"ours {ours}, Stripe's {payment.amount, refunded(payment)}"
            )


def _submitted(case: Case) -> Iterator[Violation]:
    for _, payment in case.orders:
        mine = sorted(case.submissions[payment.job_id], key=lambda s: (s.attempt, s.at))
        for earlier, later in itertools.pairwise(mine):
            if earlier.attempt == later.attempt:
                yield Violation(
                    "one attempt submitted twice", payment.job_id, f"{earlier.provider_id}, {later.provider_id}"
                )
                continue
            reason = _why_again(case, earlier)
            if reason is None:
                told = f"attempt {earlier.attempt} was answered ({earlier.answer}) and ended {earlier.state}"
                yield Violation("submitted again without need", payment.job_id, told)
            else:
                case.ambiguities.append(f"order {payment.job_id} was submitted again: {reason}")


def _why_again(case: Case, earlier: Submission) -> str | None:
    if earlier.answer != "delivered":
        return f"answer {earlier.answer}"
    if earlier.spoilt_downloads:
        return "its result could not be fetched"
    return case.excused(earlier, SUBMIT_TROUBLE) or case.excused(earlier, FETCH_TROUBLE)


def _exact(case: Case) -> Iterator[Violation]:
    for purchase, payment in case.orders:
        known = {s.sha256 for s in case.submissions[payment.job_id] if s.sha256}
        for mail in case.mails[purchase.email]:
            for token in mail.tokens:
                got = case.evidence.downloads[token]
                if got.status != 200:
                    yield Violation("a mailed link is dead", payment.job_id, f"status {got.status}")
                elif got.sha256 not in known:
                    yield Violation("not what the provider served", payment.job_id, f"sha256 {got.sha256[:12]}…")
                elif got.size != purchase.size:
                    yield Violation("not the size that was sold", payment.job_id, f"{got.size} for {purchase.size}")


def _told(case: Case) -> Iterator[Violation]:
    for purchase, payment in case.orders:
        by_kind: dict[str, list[Mail]] = defaultdict(list)
        for mail in case.mails[purchase.email]:
            by_kind[mail.kind].append(mail)
        for kind, due in (("ready", case.delivered(purchase)), ("refunded", bool(refunded(payment)))):
            if due and not by_kind[kind]:
                yield Violation("nobody was told", payment.job_id, f"no mail of kind {kind}")
            if by_kind[kind] and not due:
                yield Violation("told what is not so", payment.job_id, f"a mail of kind {kind}")
        for kind, mails in by_kind.items():
            yield from _repeats(case, payment.job_id, kind, mails)


def _repeats(case: Case, job_id: str, kind: str, mails: Sequence[Mail]) -> Iterator[Violation]:
    if len({mail.message_id for mail in mails}) > 1:
        yield Violation("two mails of one kind", job_id, f"{kind}: {sorted({m.message_id for m in mails})}")
    for earlier in mails[:-1]:
        reason = "the answer was not read" if not earlier.answered else case.excused(earlier, MAIL_TROUBLE)
        if reason is None:
            told = ", ".join(f"{mail.at:%H:%M:%S.%f}" for mail in mails)
            yield Violation("a mail repeated without need", job_id, f"{kind} at {told}")
        else:
            case.ambiguities.append(f"order {job_id} was told twice ({kind}): {reason}")


def _waking(case: Case) -> Iterator[Violation]:
    for row in case.evidence.rows:
        if not row.settled and (row.late_s is None or row.late_s > LATE_S):
            yield Violation("nothing will wake it", row.job_id, f"stage {row.stage}, due {row.late_s} s ago")


def _queues(case: Case) -> Iterator[Violation]:
    for name, depth in case.evidence.queued.items():
        if depth and not name.endswith(".dead"):
            yield Violation("messages are left", "", f"{depth} in {name}")
    for body in case.evidence.dead:
        if body not in case.evidence.poison:
            yield Violation("a dead letter that is no poison", "", body[:200])


def _secrets(case: Case) -> Iterator[Violation]:
    for leak in case.evidence.leaks:
        yield Violation("a secret in the open", "", leak)


def _files(case: Case) -> Iterator[Violation]:
    for orphan in case.evidence.orphans:
        yield Violation("a file that nobody will remove", "", orphan)


def _processes(case: Case) -> Iterator[Violation]:
    for gone in case.evidence.exits:
        yield Violation("ended by itself", "", f"{gone.key} with code {gone.code}: {gone.last_lines[-600:]}")
    for slow in case.evidence.slow_drains:
        yield Violation("did not drain in time", "", slow)


def _bitten(case: Case) -> Iterator[Violation]:
    if not case.evidence.bites_expected:
        return
    for what in ("kills", "redeliveries", "failed_calls"):
        if not getattr(case.evidence, what):
            yield Violation("the faults did not bite", "", f"no {what}")
    delivered = sum(case.delivered(purchase) for purchase, _ in case.orders)
    if delivered < DELIVERED_SHARE * max(len(case.orders), 1):
        yield Violation("too little was delivered", "", f"{delivered} of {len(case.orders)}")


Rule = Callable[[Case], Iterator[Violation]]
RULES: Sequence[Rule] = (
    _ended, _refunds, _books, _submitted, _exact, _told, _waking, _queues, _secrets, _files, _processes, _bitten
)  # fmt: skip
