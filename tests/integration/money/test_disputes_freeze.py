"""A dispute freezes: the link rests while it is open, whenever it was made. Lost, it is dead; won, it works again."""

import pytest

from common.admin import Decision, RefusedError
from common.admin.desk import Desk, Tools
from common.admin.verbs import Extend, Resend
from common.events import JobCompleted, LinkExpiring
from common.stages import Stage
from services.ingest.customer.progress import payment_status
from services.notifier.handler import Notify
from services.notifier.settings import NotifierSettings
from tests.integration.life.rows import PLANS
from tests.integration.money.kept import DAY_S, SIGNER, a_picture_of, live, mailed
from tests.integration.money.till import Till
from tests.unit import builders

NOTIFY = Notify(builders.settings(NotifierSettings), PLANS)
ANNA = Decision("anna", "the customer asked")


def disputed(till: Till, intent: str, state: str = "needs_response") -> str:
    dispute = till.bank.books.dispute(intent, state, "fraudulent")  # type: ignore[arg-type]
    till.tell()
    return str(dispute["id"])


def closed(till: Till, dispute_id: str, state: str) -> None:
    till.bank.books.close_dispute(dispute_id, state)  # type: ignore[arg-type]
    till.tell()


@pytest.mark.parametrize(("end", "works"), [("won", True), ("lost", False)])
def test_the_link_rests_while_the_bank_decides(till: Till, end: str, works: bool) -> None:  # noqa: FBT001
    job_id, intent = till.paid()
    a_picture_of(till, job_id)
    till.lane(NOTIFY, JobCompleted(job_id=job_id))
    assert live(till, job_id)

    dispute = disputed(till, intent)
    assert not live(till, job_id)
    till.bank.books.review_dispute(dispute)
    till.tell()
    assert not live(till, job_id)

    closed(till, dispute, end)
    assert live(till, job_id) is works


def test_a_link_that_was_made_during_the_dispute_rests_too(till: Till) -> None:
    job_id, intent = till.paid()
    dispute = disputed(till, intent)
    a_picture_of(till, job_id)
    assert not live(till, job_id)
    closed(till, dispute, "won")
    assert live(till, job_id)


def test_nobody_issues_or_mails_a_link_during_the_dispute(till: Till) -> None:
    job_id, intent = till.paid()
    a_picture_of(till, job_id)
    till.lane(NOTIFY, JobCompleted(job_id=job_id))
    dispute = disputed(till, intent)
    desk = Desk(till.database, Tools(PLANS, DAY_S, DAY_S, SIGNER, None, lambda _event: True))
    for verb in (Extend(), Resend()):
        with pytest.raises(RefusedError, match="disputed"):
            desk.act(verb, str(job_id), ANNA)
    closed(till, dispute, "won")
    desk.act(Extend(), str(job_id), ANNA)
    assert live(till, job_id, generation=2)


@pytest.mark.parametrize(("end", "kinds", "stage"), [("won", ["ready"], Stage.REMIND), ("lost", [], Stage.KEEP)])
def test_the_mail_with_the_link_waits_for_the_end_of_the_dispute(
    till: Till, end: str, kinds: list[str], stage: Stage
) -> None:
    job_id, intent = till.paid()
    a_picture_of(till, job_id)
    dispute = disputed(till, intent)
    till.lane(NOTIFY, JobCompleted(job_id=job_id))
    assert (mailed(till, job_id), till.job(job_id).stage) == ([], Stage.ANNOUNCE)
    ((wait_h,),) = till.sql("SELECT extract(epoch FROM wake_at - now()) / 3600 FROM jobs WHERE job_id = %s", job_id)
    assert 23 < wait_h <= 24

    closed(till, dispute, end)
    assert till.sql("SELECT wake_at <= now() FROM jobs WHERE job_id = %s", job_id) == [(True,)]
    till.lane(NOTIFY, JobCompleted(job_id=job_id))
    assert ([row[0] for row in mailed(till, job_id)], till.job(job_id).stage) == (kinds, stage)


def test_no_reminder_of_a_link_that_rests(till: Till) -> None:
    job_id, intent = till.paid()
    a_picture_of(till, job_id)
    till.lane(NOTIFY, JobCompleted(job_id=job_id))
    disputed(till, intent)
    till.sql("UPDATE links SET expires_at = now() + interval '2 hours'")
    till.lane(NOTIFY, LinkExpiring(job_id=job_id))
    assert [row[0] for row in mailed(till, job_id)] == ["ready"]


def test_an_inquiry_and_a_shop_that_wants_it_so_leave_the_link(till: Till) -> None:
    asked, about = till.paid()
    a_picture_of(till, asked)
    inquiry = disputed(till, about, "warning_needs_response")
    assert live(till, asked)
    till.bank.books.review_dispute(inquiry)
    till.tell()
    assert live(till, asked)

    till.set(revoke_on_dispute=False)
    kept, taken = till.paid()
    a_picture_of(till, kept)
    disputed(till, taken)
    assert live(till, kept)
    till.lane(NOTIFY, JobCompleted(job_id=kept))
    assert [row[0] for row in mailed(till, kept)] == ["ready"]


def test_a_dispute_told_before_its_payment_freezes_all_the_same(till: Till) -> None:
    job_id = till.order()
    till.bank.books.dispute(till.pay(job_id), "needs_response", "fraudulent")
    till.bank.events.reverse()
    till.tell()
    a_picture_of(till, job_id)
    assert not live(till, job_id)


@pytest.mark.parametrize(
    ("charged", "refunded", "disputed", "told"),
    [
        (192, 0, True, "disputed"), (192, 50, True, "disputed"), (192, 192, True, "refunded"), (0, 0, True, "pending"),
        (192, 0, False, "paid"), (192, 50, False, "partially_refunded"),
    ],
)  # fmt: skip
def test_the_payment_is_disputed_while_the_bank_has_the_money(
    charged: int,
    refunded: int,
    disputed: bool,  # noqa: FBT001
    told: str,
) -> None:
    assert payment_status(charged, refunded, disputed=disputed) == told
