"""What the notifier decides, as tables: each mail is due in one stage, and only then moves the job."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common.events import Event, JobAttention, JobCompleted, JobRefunded, LinkExpiring
from common.lane import Work
from common.outcomes import Move, Nothing, Wait
from common.signing import hash_token
from common.stages import Stage, Status
from services.notifier import smtp
from services.notifier.handler import NO_ADDRESS, Facts, Notify, Send
from services.notifier.mails import LinkFacts, MailKey, MailRow
from services.notifier.settings import NotifierSettings
from services.notifier.smtp import NotSent, Rejected, Sent
from tests.unit.builders import JOB, a_job, settings, the_plans

LANE = Notify(settings(NotifierSettings), the_plans())
step = LANE._step  # noqa: SLF001 - the decision itself
decide = LANE._decide  # noqa: SLF001
told = LANE._told  # noqa: SLF001
unless_sent = LANE._unless_sent  # noqa: SLF001
SOON = datetime.now(UTC) + timedelta(hours=3)
LINK = LinkFacts(JOB, 2, hash_token("none"), SOON, 0, 1600, 1200, 1_000_000, has_preview=True)
FACTS = Facts({JOB: LINK}, {JOB: [(7, "held", "looks odd", SOON)]})
NO_FACTS = Facts({}, {})
COMPLETED = a_job(Stage.ANNOUNCE, Status.COMPLETED)
REFUNDED = a_job(Stage.ANNOUNCE, Status.REFUNDED, refunded_cents=192)
REMINDED = a_job(Stage.REMIND, Status.COMPLETED)

DUE: dict[str, tuple[type[Event], Any, MailKey]] = {
    "ready": (JobCompleted, COMPLETED, MailKey("ready", f"{JOB}:2", JOB)),
    "refunded": (JobRefunded, REFUNDED, MailKey("refunded", str(JOB), JOB)),
    "expiring": (LinkExpiring, REMINDED, MailKey("expiring", f"{JOB}:2", JOB)),
    "attention": (JobAttention, a_job(held=True), MailKey("attention", "7", JOB)),
}


@pytest.mark.parametrize(("event", "job", "key"), DUE.values(), ids=DUE.keys())
def test_each_event_has_its_mail(event: type[Event], job: Any, key: MailKey) -> None:
    send = step(Work(event(job_id=JOB), job), FACTS)

    assert isinstance(send, Send)
    assert send.key == key


WRONG = [(event, stage, status) for event in (JobCompleted, JobRefunded, LinkExpiring)
         for stage in Stage for status in Status
         if (event, stage) != (LinkExpiring, Stage.REMIND)
         and (event, stage, status) not in {(JobCompleted, Stage.ANNOUNCE, Status.COMPLETED),
                                            (JobRefunded, Stage.ANNOUNCE, Status.REFUNDED)}]  # fmt: skip


@pytest.mark.parametrize(("event", "stage", "status"), WRONG)
def test_a_forged_or_late_event_mails_nobody(event: type[Event], stage: Stage, status: Status) -> None:
    assert step(Work(event(job_id=JOB), a_job(stage, status)), FACTS) == Nothing(f"in stage {stage}")


def test_no_customer_is_reminded_of_what_they_have() -> None:
    downloaded = Facts({JOB: LinkFacts(JOB, 2, b"", SOON, 1, 1, 1, 1, has_preview=False)}, {})

    assert step(Work(LinkExpiring(job_id=JOB), REMINDED), downloaded) == Move(
        Stage.KEEP, "no_reminder", {"downloads": 1}
    )


def test_a_link_whose_key_is_gone_is_not_mailed() -> None:
    with pytest.raises(LookupError, match="SECRET_KEY"):
        LANE._link_values(COMPLETED, LINK)  # noqa: SLF001


def test_nobody_is_told_of_nothing() -> None:
    assert isinstance(step(Work(JobAttention(job_id=JOB), a_job()), NO_FACTS), Nothing)


def test_a_job_without_an_address_goes_on() -> None:
    assert step(Work(JobCompleted(job_id=JOB), COMPLETED._replace(email=None)), FACTS) is NO_ADDRESS
    assert told(COMPLETED, "ready", "nobody_to_mail") == Move(Stage.REMIND, "nobody_to_mail", wake_s=21 * 3600)


READY = MailKey("ready", f"{JOB}:2", JOB)
ROWS: dict[str, tuple[str, bool, str]] = {
    "being sent": ("claimed", True, "nothing"),
    "a claim that ran out": ("claimed", False, "send"),
    "not accepted yet": ("waiting", False, "send"),
    "accepted": ("sent", False, "move"),
    "rejected": ("failed", False, "move"),
}


@pytest.mark.parametrize(("state", "at_work", "expected"), ROWS.values(), ids=ROWS.keys())
def test_an_accepted_mail_is_never_sent_again(state: str, at_work: bool, expected: str) -> None:  # noqa: FBT001
    send = step(Work(JobCompleted(job_id=JOB), COMPLETED), FACTS)
    assert isinstance(send, Send)
    outcome = unless_sent(COMPLETED, send, {(READY.kind, READY.about): _row(state, at_work=at_work)})

    assert {Send: "send", Nothing: "nothing", Move: "move"}[type(outcome)] == expected


def _row(state: str, *, at_work: bool) -> MailRow:
    return MailRow(READY.kind, READY.about, state, at_work, 4, 1)


def test_each_claim_on_a_mail_has_the_next_number() -> None:
    send = step(Work(JobCompleted(job_id=JOB), COMPLETED._replace(locale="de")), FACTS)
    assert isinstance(send, Send)
    again = unless_sent(COMPLETED, send, {(READY.kind, READY.about): _row("waiting", at_work=False)})

    assert isinstance(again, Send)
    assert (send.claim_no, again.claim_no) == (1, 5)
    assert again == send._replace(claim_no=5)  # the same mail, in the customer's language


@pytest.mark.parametrize(("url", "held"), [("smtp://localhost", 256), ("null:", 1536)])
def test_a_lane_of_mails_holds_no_more_than_its_calls_can_reach(url: str, held: int) -> None:
    assert Notify(settings(NotifierSettings, smtp_url=url, threads=16), the_plans()).prefetch == held


TOLD: dict[str, tuple[str, Any, Any]] = {
    "ready": ("ready", COMPLETED, Move(Stage.REMIND, "fact", wake_s=21 * 3600)),
    "refunded": ("refunded", REFUNDED, Move(Stage.KEEP, "fact", wake_s=0)),
    "expiring": ("expiring", REMINDED, Move(Stage.KEEP, "fact")),
    "attention": ("attention", COMPLETED, Nothing("fact")),
    "ready, told twice": ("ready", REMINDED, Nothing("fact")),
    "the reminder of an older result": ("expiring", COMPLETED, Nothing("fact")),
    "ready, refunded meanwhile": ("ready", REFUNDED, Nothing("fact")),
    "refunded, delivered meanwhile": ("refunded", COMPLETED, Nothing("fact")),
    "ready, long ago": ("ready", a_job(Stage.KEEP), Nothing("fact")),
}


@pytest.mark.parametrize(("kind", "job", "expected"), TOLD.values(), ids=TOLD.keys())
def test_a_mail_moves_the_job_only_where_it_was_due(kind: str, job: Any, expected: Any) -> None:
    assert told(job, kind, "fact") == expected


ANSWERS: dict[str, tuple[Any, type]] = {
    "accepted": (Sent(), Move), "rejected": (Rejected("550"), Move), "not now": (NotSent("451"), Wait),
    "perhaps": (NotSent("time-out", maybe=True), Wait),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "expected"), ANSWERS.values(), ids=ANSWERS.keys())
def test_the_servers_answer_leads_on_or_waits(answer: Any, expected: type) -> None:
    assert isinstance(decide(COMPLETED, "ready", answer), expected)


@pytest.mark.parametrize("kind", ["expiring", "refunded", "attention"])
def test_trouble_with_a_mail_that_is_not_due_delays_nothing(kind: str) -> None:
    assert isinstance(decide(COMPLETED, kind, NotSent("451")), Nothing)


@pytest.mark.parametrize(
    ("code", "expected"), [(250, Rejected), (421, NotSent), (451, NotSent), (-1, NotSent), (550, Rejected)]
)
def test_what_a_mail_server_says_can_be_written_down(code: int, expected: type[NotSent | Rejected]) -> None:
    judged = smtp._judge(code, b"no\x00 \xff such user" + b"x" * 1000)  # noqa: SLF001

    assert isinstance(judged, NotSent | Rejected)
    assert type(judged) is expected
    assert "\0" not in judged.why
    assert len(judged.why) <= 300
