"""What could refund twice or at the wrong time: a worker that dies around the call, and a dispute."""

import pytest

from common.refund_orders import RefundRefused
from tests.integration.money.test_refund_orders import order, ordered, stands
from tests.integration.money.till import PRICE, Till


@pytest.mark.parametrize("dies", ["before the call", "after the call", "after the call, and the webhook came"])
def test_whoever_dies_around_a_refund_the_bank_makes_it_once(till: Till, dies: str) -> None:
    job_id, intent = till.paid()
    ordered(till, job_id)
    (item,) = till.begin(job_id)
    if dies != "before the call":
        till.bank.refund(item.about)
    if "webhook" in dies:
        till.tell()
    till.refund_lane(job_id)  # its claim is still running: nobody asks
    till.sql("UPDATE refunds SET claimed_until = now() - interval '1 s'")
    till.refund_lane(job_id)

    assert [refund.amount_cents for refund in till.bank.refunds(intent)] == [PRICE]
    assert stands(till, job_id) == ("announce", "refunded", PRICE)
    assert till.facts(job_id) == ["charge", "fee", "refund"]


def test_nothing_is_refunded_while_a_dispute_is_open_and_a_person_has_the_evidence(till: Till) -> None:
    job_id, intent = till.paid()
    ordered(till, job_id)
    dispute = till.bank.books.dispute(intent, "needs_response", "fraudulent")
    till.tell()
    till.refund_lane(job_id)
    assert till.bank.refunded == 0
    assert till.reasons(job_id) == ["disputed"]
    ((detail,),) = till.sql("SELECT detail FROM attention WHERE job_id = %s", job_id)
    assert detail.startswith(f"fraudulent: {PRICE} cents usd")
    assert "mia@" not in detail

    till.bank.books.close_dispute(dispute["id"], "won")
    till.tell()
    till.refund_lane(job_id)
    assert (till.bank.refunded, till.reasons(job_id)) == (PRICE, [])


def test_an_inquiry_stops_no_refund_and_a_lost_dispute_leaves_nothing_to_refund(till: Till) -> None:
    asked, about = till.paid()
    till.bank.books.dispute(about, "warning_needs_response", "general")
    lost, gone = till.paid()
    dispute = till.bank.books.dispute(gone, "needs_response", "fraudulent")
    till.bank.books.close_dispute(dispute["id"], "lost")
    till.tell()

    ordered(till, asked)
    till.refund_lane(asked)
    assert stands(till, asked) == ("announce", "refunded", PRICE)
    assert isinstance(order(till, lost), RefundRefused)
