"""What the workers make of a decision: the lanes themselves, on the rows that the desk left."""

from io import BytesIO
from uuid import UUID

import pytest
from PIL import Image

from common import jobs
from common.admin import Complete, Extend, Resend
from common.events import FileExpired, JobCompleted, UpscaleDone
from common.lane import Answered, Lane, Question, Work
from common.outcomes import Move, Nothing, Outcome, Wait
from services.finisher.handler_deliver import Deliver
from services.finisher.settings import DeliverSettings
from services.notifier.handler import Notify
from services.notifier.settings import NotifierSettings
from tests.integration.admin.office import Office
from tests.integration.life.rows import PLANS
from tests.unit import builders


@pytest.fixture
def deliver(office: Office) -> Deliver:
    return Deliver(builders.settings(DeliverSettings, storage_url=f"file://{office.folder}/files"), PLANS)


def _run(office: Office, lane: Lane, event: UpscaleDone | JobCompleted | FileExpired) -> Outcome:
    """One delivery, as the runtime moves it."""
    with office.database.transaction() as tx:
        job = jobs.lock(tx, [event.job_id])[event.job_id]
        [step] = lane.begin(tx, [Work(event, job)])
    if isinstance(step, Question):
        answer = lane.ask(step.about)
        with office.database.transaction() as tx:
            job = jobs.lock(tx, [event.job_id])[event.job_id]
            [step] = lane.finish(tx, [Answered(Work(event, job), step.about, answer)])
    assert not isinstance(step, Question)
    if isinstance(step, Move | Wait):
        with office.database.transaction() as tx:
            assert jobs.apply(tx, PLANS, "test", [(job, step)])
    return step


def _picture(width: int, height: int) -> BytesIO:
    file = BytesIO()
    Image.effect_noise((width, height), 40).convert("RGB").save(file, "PNG")
    file.seek(0)
    return file


def _hand_in(office: Office, place: str, picture: BytesIO) -> UUID:
    job_id = office.an_order(place)
    office.act(Complete(picture), job_id)
    return job_id


def test_a_picture_handed_in_that_fails_the_checks_waits_for_a_person(office: Office, deliver: Deliver) -> None:
    job_id = _hand_in(office, "submit", _picture(100, 100))
    _run(office, deliver, UpscaleDone(job_id=job_id, attempt=1))
    job = office.job(job_id)
    assert (job["stage"], job["hold_reason"]) == ("submit", "handed_picture_refused")
    [reason] = office.rows("SELECT detail FROM attention WHERE job_id = %s", job_id)
    assert "100 x 100" in reason["detail"]


def test_a_delivered_order_keeps_its_file_when_the_one_handed_in_is_no_good(office: Office, deliver: Deliver) -> None:
    job_id = _hand_in(office, "keep", _picture(100, 100))
    _run(office, deliver, UpscaleDone(job_id=job_id, attempt=2))
    job = office.job(job_id)
    assert (job["stage"], job["status"], job["hold_reason"]) == ("keep", "completed", None)


def test_a_mail_sent_again_has_an_id_of_its_own(office: Office) -> None:
    notify = Notify(builders.settings(NotifierSettings), PLANS)
    job_id = office.an_order("remind")
    office.act(Resend(), job_id)
    _run(office, notify, JobCompleted(job_id=job_id))
    rows = office.rows("SELECT number, state, message_id FROM mails WHERE job_id = %s ORDER BY number", job_id)
    assert [(r["number"], r["state"]) for r in rows] == [(1, "sent"), (2, "sent")]
    assert rows[1]["message_id"] == f"<ready.{job_id}.1.2@example.com>"
    assert office.job(job_id)["stage"] == "remind"


def test_a_renewed_link_is_mailed_and_keeps_the_file_past_its_time(office: Office, deliver: Deliver) -> None:
    notify = Notify(builders.settings(NotifierSettings), PLANS)
    job_id = office.an_order("keep")
    office.rows("UPDATE deliveries SET stored_at = stored_at - interval '30 days' WHERE job_id = %s", job_id)
    office.act(Extend(), job_id)
    _run(office, notify, JobCompleted(job_id=job_id))
    office.rows("UPDATE jobs SET stage = 'keep' WHERE job_id = %s", job_id)
    early = _run(office, deliver, FileExpired(job_id=job_id))
    assert isinstance(early, Wait)
    assert 23 * 3600 < early.wake_s <= 24 * 3600
    assert office.rows("SELECT kind, about FROM mails WHERE job_id = %s ORDER BY mail_id DESC LIMIT 1", job_id) == [
        {"kind": "ready", "about": f"{job_id}:2"}
    ]


def test_a_link_renewed_while_the_mail_about_the_older_one_is_on_its_way_is_mailed_too(office: Office) -> None:
    notify = Notify(builders.settings(NotifierSettings), PLANS)
    job_id = office.an_order("announce")
    event = JobCompleted(job_id=job_id)
    with office.database.transaction() as tx:
        job = jobs.lock(tx, [job_id])[job_id]
        [question] = notify.begin(tx, [Work(event, job)])
    assert isinstance(question, Question)
    office.act(Extend(), job_id)  # as it does when a corrected address is confirmed
    with office.database.transaction() as tx:
        job = jobs.lock(tx, [job_id])[job_id]
        answer = notify.ask(question.about)
        [outcome] = notify.finish(tx, [Answered(Work(event, job), question.about, answer)])
    assert isinstance(outcome, Nothing)
    assert isinstance(_run(office, notify, event), Move)
    about = office.rows("SELECT about FROM mails WHERE job_id = %s AND state = 'sent' ORDER BY mail_id", job_id)
    assert [row["about"] for row in about] == [f"{job_id}:1", f"{job_id}:2"]


def test_the_admin_hears_of_a_mail_to_a_customer_once_and_without_its_link(office: Office) -> None:
    notify = Notify(builders.settings(NotifierSettings, admin_copies="ready, refunded"), PLANS)
    silent = Notify(builders.settings(NotifierSettings, admin_copies="ready", admin_email=""), PLANS)
    told, untold = office.an_order("announce"), office.an_order("announce")
    _run(office, silent, JobCompleted(job_id=untold))
    for _ in range(2):
        _run(office, notify, JobCompleted(job_id=told))
    [copy] = office.rows("SELECT about, detail::text AS detail FROM mails WHERE kind = 'notice'")
    assert copy["about"] == f"copy:ready:{told}:1:1"
    assert f"/admin/jobs/{told}" in copy["detail"]
    assert "/d/" not in copy["detail"]
    assert "@" not in copy["detail"]
