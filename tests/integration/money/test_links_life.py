"""When a link's life begins: with the mail that carries it (design section 5)."""

import pytest

from common.events import JobCompleted
from services.notifier.handler import Notify, Send
from services.notifier.settings import NotifierSettings
from services.notifier.smtp import SendAnswer
from tests.integration.life.rows import PLANS
from tests.integration.money.kept import a_picture_of
from tests.integration.money.till import Till
from tests.unit import builders

NOTIFY = Notify(builders.settings(NotifierSettings), PLANS)
LEFT = """SELECT round(extract(epoch FROM expires_at - now()) / 3600)::int, revoked_at IS NOT NULL
    FROM links WHERE job_id = %s ORDER BY generation"""


def test_a_links_life_begins_when_the_mail_server_has_taken_its_mail(till: Till) -> None:
    others, job_id = till.paid()[0], till.paid()[0]
    for each in (others, job_id):
        a_picture_of(till, each)
    till.sql("UPDATE links SET expires_at = now() + interval '2 hours'")

    till.lane(NOTIFY, JobCompleted(job_id=job_id))

    assert till.sql(LEFT, job_id) == [(24, False)]
    assert till.sql(LEFT, others) == [(2, False)]


def test_a_link_that_was_revoked_meanwhile_gets_no_new_life(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id, _ = till.paid()
    a_picture_of(till, job_id)
    till.sql("UPDATE links SET expires_at = now() + interval '2 hours'")
    lane, send = Notify(builders.settings(NotifierSettings), PLANS), NOTIFY.ask

    def ask(about: Send) -> SendAnswer:
        till.sql("UPDATE links SET revoked_at = now()")
        return send(about)

    monkeypatch.setattr(lane, "ask", ask)
    till.lane(lane, JobCompleted(job_id=job_id))

    assert till.sql(LEFT, job_id) == [(2, True)]
