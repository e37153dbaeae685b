"""Refunds that a person orders: one effect however often they are ordered, in full and in part, in every stage."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from common.outcomes import Move
from common.refund_orders import RefundOrdered, RefundRefused, RefundWish, order_refund
from common.stages import Stage, Status
from sandbox.stripe.books import RefundPlan
from tests.integration.life.rows import PLANS, moved
from tests.integration.money.till import PRICE, Till

MADE = (Move(Stage.WATCH, "submitted", status=Status.PROCESSING), Move(Stage.FETCH, "upscaled"),
        Move(Stage.ANNOUNCE, "completed", status=Status.COMPLETED), Move(Stage.REMIND, "mailed_ready"),
        Move(Stage.KEEP, "no_reminder"), Move(Stage.SETTLED, "files_removed"))  # fmt: skip


def order(till: Till, job_id: UUID, cents: int | None = None, **more: str) -> RefundOrdered | RefundRefused:
    with till.database.transaction() as tx:
        return order_refund(tx, PLANS, "anna", RefundWish(job_id, cents, **more))


def ordered(till: Till, job_id: UUID, cents: int | None = None, **more: str) -> RefundOrdered:
    result = order(till, job_id, cents, **more)
    assert isinstance(result, RefundOrdered), result
    return result


def stands(till: Till, job_id: UUID) -> tuple[str, str, int]:
    job = till.job(job_id)
    return job.stage.value, job.status.value, job.refunded_cents


def advance(till: Till, job_id: UUID, steps: int) -> None:
    with till.database.transaction() as tx:
        moved(tx, job_id, *MADE[:steps])


@pytest.mark.parametrize("steps", range(len(MADE) + 1), ids=["submit", *[move.to.value for move in MADE]])
def test_a_refund_in_full_is_made_in_every_stage(till: Till, steps: int) -> None:
    job_id, _ = till.paid()
    advance(till, job_id, steps)

    assert ordered(till, job_id).amount_cents == PRICE
    till.refund_lane(job_id)

    assert stands(till, job_id) == ("announce", "refunded", PRICE)
    assert (till.bank.refunded, till.balance("refunds")) == (PRICE, PRICE)


@pytest.mark.parametrize("steps", range(len(MADE) + 1), ids=["submit", *[move.to.value for move in MADE]])
def test_after_a_partial_refund_the_order_goes_on_where_it_stood(till: Till, steps: int) -> None:
    job_id, _ = till.paid()
    advance(till, job_id, steps)
    before = stands(till, job_id)

    ordered(till, job_id, 50)
    till.refund_lane(job_id)

    assert stands(till, job_id) == (*before[:2], 50)
    assert (till.bank.refunded, till.balance("refunds")) == (50, 50)


def test_twenty_refunds_at_once_are_one(till: Till) -> None:
    job_id, _ = till.paid()
    with ThreadPoolExecutor(20) as threads:
        results = list(threads.map(lambda _: ordered(till, job_id), range(20)))
        list(threads.map(lambda _: till.refund_lane(job_id), range(20)))

    assert len({result.refund_id for result in results}) == 1
    assert sum(result.new for result in results) == 1
    assert till.bank.refunded == PRICE
    assert till.facts(job_id).count("refund") == 1


def test_a_partial_refund_of_one_request_is_made_once_even_when_it_is_over(till: Till) -> None:
    job_id, _ = till.paid()
    for _ in range(3):
        ordered(till, job_id, 50, request_id="r1")
        till.refund_lane(job_id)
    assert till.bank.refunded == 50

    ordered(till, job_id, 50, request_id="r2")
    till.refund_lane(job_id)
    assert till.bank.refunded == 100


def test_never_more_than_is_left(till: Till) -> None:
    job_id, _ = till.paid()
    assert isinstance(refused := order(till, job_id, PRICE + 1), RefundRefused)
    assert refused.why == "193 cents cannot be refunded: 192 of 192 cents are left"
    ordered(till, job_id)
    till.refund_lane(job_id)

    assert isinstance(refused := order(till, job_id), RefundRefused)
    assert refused.why == "all of it was given back before"
    assert isinstance(order(till, till.order()), RefundRefused)


def test_a_held_order_may_be_refunded_in_part_and_stays_held(till: Till) -> None:
    job_id, _ = till.paid()
    with till.database.transaction() as tx:
        moved(tx, job_id, Move(Stage.SUBMIT, "held", hold="payment_mismatch"))
    ordered(till, job_id, 50)
    till.refund_lane(job_id)

    assert stands(till, job_id) == ("submit", "pending", 50)
    assert till.job(job_id).held


def test_what_the_bank_lets_wait_is_refunded_when_it_says_so(till: Till) -> None:
    job_id, _ = till.paid()
    till.bank.plans.append(RefundPlan("pending", "insufficient_funds"))
    ordered(till, job_id)
    till.refund_lane(job_id)
    assert stands(till, job_id) == ("refund", "failed", 0)
    assert till.balance("refunds") == 0

    (refund,) = till.bank.refunds(till.bank.charges[0].payment_intent)
    till.bank.books.move_refund(refund.stripe_refund, "succeeded")
    till.tell()
    assert stands(till, job_id) == ("announce", "refunded", PRICE)
    assert till.balance("refunds") == PRICE


def test_a_refund_that_the_bank_fails_is_tried_anew_when_told(till: Till) -> None:
    job_id, _ = till.paid()
    till.bank.plans.append(RefundPlan("pending"))
    first = ordered(till, job_id)
    till.refund_lane(job_id)
    (refund,) = till.bank.refunds(till.bank.charges[0].payment_intent)
    till.bank.books.move_refund(refund.stripe_refund, "failed", "expired_or_canceled_card")
    till.tell()
    assert till.reasons(job_id) == ["refund_failed"]
    assert stands(till, job_id) == ("refund", "failed", 0)

    second = ordered(till, job_id)
    till.refund_lane(job_id)
    assert second.refund_id != first.refund_id
    assert stands(till, job_id) == ("announce", "refunded", PRICE)
