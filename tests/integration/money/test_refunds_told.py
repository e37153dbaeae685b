"""A refund that was made in Stripe's dashboard: on the books, told once, and the link kept or not, as it is set."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from common.events import FileExpired, JobCompleted, JobRefunded
from common.failures import failed
from common.stages import Stage, Status
from sandbox.stripe.books import RefundPlan
from sandbox.stripe.inputs import RefundCreate
from services.finisher.handler_deliver import Deliver
from services.finisher.settings import DeliverSettings
from services.finisher.stripe import RefundUnclear
from services.notifier.handler import Notify
from services.notifier.notices import Notices
from services.notifier.settings import NotifierSettings
from tests.integration.life.rows import PLANS, moved
from tests.integration.money.kept import a_picture_of, live, mailed
from tests.integration.money.test_refund_orders import MADE, advance, ordered, stands
from tests.integration.money.till import PRICE, Till
from tests.unit import builders

NOTIFY = Notify(builders.settings(NotifierSettings), PLANS)
DELIVER = Deliver(builders.settings(DeliverSettings), PLANS)


def given_back(till: Till, intent: str, cents: int | None = None) -> dict[str, Any]:
    """In the dashboard; ingest is told, of each event twice."""
    refund = till.bank.books.refund(RefundCreate(payment_intent=intent, amount=cents), RefundPlan())
    till.bank.events += till.bank.events
    till.tell()
    return refund


def told(till: Till) -> int:
    """How many mails the notifier finds to send beside the orders' way."""
    sender = Notices(builders.settings(NotifierSettings, admin_email=""), till.database)
    return sum(iter(lambda: int(sender.send_one()), 0))


@pytest.mark.parametrize("steps", range(len(MADE) + 1), ids=["submit", *[move.to.value for move in MADE]])
def test_a_part_given_back_in_the_dashboard_moves_no_order_and_is_told_once(till: Till, steps: int) -> None:
    job_id, intent = till.paid()
    advance(till, job_id, steps)
    before = stands(till, job_id)

    given_back(till, intent, 50)

    assert stands(till, job_id) == (*before[:2], 50)
    assert (till.balance("refunds"), till.bank.refunded) == (50, 50)
    assert (told(till), told(till)) == (1, 0)
    assert mailed(till, job_id) == [("refunded_in_part", "sent", 50, 50)]


def test_the_rest_goes_back_at_once_after_a_part_was_given_back_while_the_lane_had_no_answer(till: Till) -> None:
    job_id, intent = till.paid()
    with till.database.transaction() as tx:
        moved(tx, job_id, failed(till.job(job_id), "provider_failed"))
    (item,) = till.begin(job_id)
    item.answer = RefundUnclear("status 500")
    till.runner.decide([item])
    given_back(till, intent, 30)
    till.sql("UPDATE refunds SET claimed_until = now() - interval '1 s'")
    till.refund_lane(job_id)
    [(wait_s,)] = till.sql("SELECT extract(epoch FROM wake_at - now())::float8 FROM jobs WHERE job_id = %s", job_id)
    assert wait_s < 3600, "not until tomorrow"
    till.refund_lane(job_id)
    assert till.bank.refunded == PRICE
    assert stands(till, job_id) == ("announce", "refunded", PRICE)


def test_an_order_whose_whole_price_was_given_back_in_the_dashboard_has_no_refund_under_way(till: Till) -> None:
    job_id, intent = till.paid()
    with till.database.transaction() as tx:
        moved(tx, job_id, failed(till.job(job_id), "provider_failed"))
    (item,) = till.begin(job_id)
    given_back(till, intent)
    assert stands(till, job_id) == ("announce", "refunded", PRICE)
    assert till.sql("SELECT state FROM refunds WHERE origin = 'ours'") == [("failed",)]

    item.answer = RefundUnclear("no answer in time")
    till.runner.decide([item])
    assert till.sql("SELECT state FROM refunds WHERE origin = 'ours'") == [("failed",)]
    assert till.bank.refunded == PRICE


def test_the_lane_that_learns_of_the_whole_closes_its_own_claim(till: Till) -> None:
    job_id, intent = till.paid()
    with till.database.transaction() as tx:
        moved(tx, job_id, failed(till.job(job_id), "provider_failed"))
    (item,) = till.begin(job_id)
    till.bank.books.refund(RefundCreate(payment_intent=intent, amount=None), RefundPlan())
    item.answer = RefundUnclear("no answer in time", till.bank.refunds(intent))
    till.runner.decide([item])
    assert stands(till, job_id) == ("announce", "refunded", PRICE)
    assert till.sql("SELECT state FROM refunds WHERE origin = 'ours'") == [("failed",)]


def test_each_further_part_is_told_and_the_last_one_with_the_whole(till: Till) -> None:
    job_id, intent = till.paid()
    advance(till, job_id, 5)
    given_back(till, intent, 50)
    given_back(till, intent, 30)
    assert told(till) == 2
    assert [(cents, total) for _, _, cents, total in mailed(till, job_id)] == [(50, 50), (30, 80)]

    given_back(till, intent)

    assert stands(till, job_id) == ("announce", "refunded", PRICE)
    till.lane(NOTIFY, JobRefunded(job_id=job_id))
    assert told(till) == 0
    assert [row[0] for row in mailed(till, job_id)] == ["refunded_in_part", "refunded_in_part", "refunded"]


def test_a_part_that_a_person_orders_is_told_once_whoever_hears_of_it_first(till: Till) -> None:
    for hears_first in ("the lane", "the webhook"):
        job_id, _ = till.paid()
        advance(till, job_id, 5)
        ordered(till, job_id, 70)
        (item,) = till.begin(job_id)
        item.answer = till.bank.refund(item.about)
        if hears_first == "the webhook":
            till.tell()
        till.runner.decide([item])
        till.tell()
        assert stands(till, job_id) == ("keep", "completed", 70)
        assert told(till) == 1, hears_first


def test_an_order_that_failed_is_told_of_the_whole_alone(till: Till) -> None:
    job_id, intent = till.paid()
    ordered(till, job_id)
    given_back(till, intent, 50)
    assert told(till) == 0


def test_what_was_given_back_before_we_heard_of_the_payment_is_told_too(till: Till) -> None:
    job_id = till.order()
    till.bank.books.refund(RefundCreate(payment_intent=till.pay(job_id), amount=50), RefundPlan())
    till.bank.events.reverse()
    till.tell()
    assert stands(till, job_id) == ("submit", "pending", 50)
    assert told(till) == 1


def test_an_address_that_is_missing_comes_before_a_person(till: Till) -> None:
    job_id, intent = till.paid()
    till.sql("UPDATE jobs SET email = NULL WHERE job_id = %s", job_id)
    given_back(till, intent, 50)
    assert told(till) == 1
    assert till.reasons(job_id) == ["mail_rejected"]


@pytest.mark.parametrize("revoke", [True, False])
def test_a_full_refund_ends_the_link_and_its_files_only_where_it_is_so_set(till: Till, revoke: bool) -> None:  # noqa: FBT001
    till.set(revoke_on_refund=revoke)
    job_id, intent = till.paid()
    a_picture_of(till, job_id)
    till.lane(NOTIFY, JobCompleted(job_id=job_id))

    given_back(till, intent)
    assert stands(till, job_id) == ("announce", "refunded", PRICE)
    assert live(till, job_id) is not revoke
    till.lane(NOTIFY, JobRefunded(job_id=job_id))
    till.lane(DELIVER, FileExpired(job_id=job_id))

    stage = Stage.SETTLED if revoke else Stage.KEEP
    assert (till.job(job_id).stage, till.job(job_id).status) == (stage, Status.REFUNDED)
    assert kept(till, job_id) is not revoke
    if not revoke:
        ((left,),) = till.sql("SELECT wake_at - now() FROM jobs WHERE job_id = %s", job_id)
        assert timedelta(days=6) < left <= timedelta(days=7)
        till.sql("UPDATE deliveries SET stored_at = stored_at - interval '8 days'")
        till.sql("UPDATE links SET expires_at = now()")
        till.lane(DELIVER, FileExpired(job_id=job_id))
        assert (till.job(job_id).stage, kept(till, job_id)) == (Stage.SETTLED, False)


def kept(till: Till, job_id: UUID) -> bool:
    return bool(till.sql("SELECT 1 FROM deliveries WHERE job_id = %s AND removed_at IS NULL", job_id))
