"""A mail server that refuses us is a person's matter for as long as it does, and no customer goes without a mail."""

from uuid import UUID

from common import jobs
from common.events import JobCompleted
from common.lane import Answered, Work
from services.notifier import attention
from services.notifier.handler import Send
from services.notifier.mails import MailKey
from services.notifier.smtp import NotSent, Rejected, SendAnswer, Sent
from tests.integration.runtime.rig import Rig

NO_LOGIN = NotSent("535 authentication failed", refuses_us=True)
LATER = NotSent("451 later")


def hear(desk: Rig, job_id: UUID, answer: SendAnswer, *, tries: int, kind: str = "ready") -> None:
    """As the notifier's `finish` does, of a job that has waited so often."""
    about = Send(MailKey(kind, f"{job_id}:1", job_id), "kim@example.com", "<1@shop>", dict)
    with desk.database.transaction() as tx:
        job = jobs.lock(tx, [job_id])[job_id]._replace(tries=tries)
        attention.note(tx, [Answered(Work(JobCompleted(job_id=job_id), job), about, answer)])


def open_reasons(desk: Rig) -> list[tuple[str, str]]:
    return desk.sql("SELECT reason, detail FROM attention WHERE closed_at IS NULL ORDER BY attention_id")


def test_a_refused_login_comes_before_a_person_at_once_and_leaves_when_it_is_mended(desk: Rig) -> None:
    [job_id] = desk.paid(1)
    hear(desk, job_id, NO_LOGIN, tries=0)
    hear(desk, job_id, NO_LOGIN, tries=1)
    assert open_reasons(desk) == [("mail_stuck", "535 authentication failed")]

    hear(desk, job_id, Sent(), tries=2)

    assert open_reasons(desk) == []


def test_a_passing_trouble_comes_before_a_person_when_it_has_not_passed(desk: Rig) -> None:
    [job_id] = desk.paid(1)
    hear(desk, job_id, LATER, tries=attention.STUCK_TRIES - 1)
    assert open_reasons(desk) == []
    hear(desk, job_id, LATER, tries=attention.STUCK_TRIES)
    assert open_reasons(desk) == [("mail_stuck", "451 later")]


def test_a_refused_address_stays_until_a_person_has_seen_to_it(desk: Rig) -> None:
    [job_id] = desk.paid(1)
    hear(desk, job_id, Rejected("550 nobody here"), tries=0)
    hear(desk, job_id, Sent(), tries=1)
    assert open_reasons(desk) == [("mail_rejected", "550 nobody here")]


def test_a_mail_to_the_operator_opens_nothing_on_the_operators_list(desk: Rig) -> None:
    [job_id] = desk.paid(1)
    hear(desk, job_id, NO_LOGIN, tries=9, kind="attention")
    assert open_reasons(desk) == []
