"""What refund rows promise: one open at a time, what Stripe was told, and which word about a refund counts."""

import uuid
from dataclasses import replace

import psycopg
import pytest

from common.refunds import StripeRefund, learn
from services.finisher import refunds
from services.finisher.refunds import RefundRow, RefundVerdict
from tests.integration.runtime.rig import Rig


def _refund(job: uuid.UUID, number: int = 1, claim_no: int = 1) -> RefundRow:
    key = f"refund:{job}:{number}"
    return RefundRow(uuid.uuid5(job, key), job, number, "claimed", 192, "timeout", key, claim_no, at_work=True)


def _refund_claim(desk: Rig, row: RefundRow, lease_s: float = 60) -> RefundRow:
    with desk.database.transaction() as tx:
        refunds.claim(tx, [row], lease_s)
        last = refunds.histories(tx, [row.job_id])[row.job_id].last
        assert last is not None
        return last


def test_a_job_has_one_open_refund(desk: Rig, job: uuid.UUID) -> None:
    _refund_claim(desk, _refund(job))

    with pytest.raises(psycopg.errors.UniqueViolation, match="refunds_one_open"):
        _refund_claim(desk, _refund(job, number=2))


def test_after_a_failed_refund_another_may_be_opened(desk: Rig, job: uuid.UUID) -> None:
    first = _refund_claim(desk, _refund(job))
    with desk.database.transaction() as tx:
        refunds.conclude(tx, [RefundVerdict(first.refund_id, "failed", "expired_card")])

    assert _refund_claim(desk, _refund(job, number=2)).number == 2


def test_a_new_claim_never_changes_what_stripe_was_told(desk: Rig, job: uuid.UUID) -> None:
    _refund_claim(desk, _refund(job))
    again = _refund_claim(desk, _other_amount(job))

    assert (again.amount_cents, again.reason, again.claim_no) == (192, "timeout", 2)


def _other_amount(job: uuid.UUID) -> RefundRow:
    same = _refund(job)
    return RefundRow(same.refund_id, job, 1, "claimed", 1, "other", same.idempotency_key, 2, at_work=True)


def _conclude(desk: Rig, row: RefundRow, state: str) -> None:
    with desk.database.transaction() as tx:
        refunds.conclude(tx, [RefundVerdict(row.refund_id, state, "the card has expired, or no answer in time")])


@pytest.mark.parametrize(("stage", "state"), [("refund", "claimed"), ("keep", "failed")])
def test_a_late_word_of_doubt_opens_a_closed_refund_of_an_order_that_waits_for_it(
    desk: Rig, job: uuid.UUID, stage: str, state: str
) -> None:
    row = _refund_claim(desk, _refund(job))
    _conclude(desk, row, "failed")
    desk.sql("UPDATE jobs SET stage = %(stage)s", stage=stage)
    _conclude(desk, row, "claimed")

    assert desk.sql("SELECT state FROM refunds") == [(state,)]


@pytest.mark.parametrize("then", ["claimed", "failed"])
def test_a_late_word_of_doubt_opens_no_refund_that_has_a_successor(desk: Rig, job: uuid.UUID, then: str) -> None:
    desk.sql("UPDATE jobs SET stage = 'refund'")
    first = _refund_claim(desk, _refund(job))
    _conclude(desk, first, "failed")
    second = _refund_claim(desk, _refund(job, number=2))
    _conclude(desk, second, then)
    _conclude(desk, first, "claimed")
    _conclude(desk, second, "claimed")

    assert desk.sql("SELECT state FROM refunds ORDER BY number") == [("failed",), ("claimed",)]


def test_a_refund_that_was_told_without_its_metadata_keeps_the_row_that_it_got(desk: Rig, job: uuid.UUID) -> None:
    row = _refund_claim(desk, _refund(job))
    told = StripeRefund("re_1", "pi_1", 192, "pending", moved=False)
    for seen in (told, replace(told, state="succeeded", moved=True, ours=row.refund_id)):
        with desk.database.transaction() as tx:
            learn(tx, job, [seen])

    rows = desk.sql("SELECT origin, state, stripe_refund FROM refunds ORDER BY number")
    assert rows == [("ours", "claimed", None), ("elsewhere", "succeeded", "re_1")]


def test_a_refund_that_stripe_makes_after_all_counts_whatever_we_thought_of_it(desk: Rig, job: uuid.UUID) -> None:
    row = _refund_claim(desk, _refund(job))
    with desk.database.transaction() as tx:
        refunds.conclude(tx, [RefundVerdict(row.refund_id, "failed", "refunded elsewhere")])
    for state in ("pending", "succeeded"):
        with desk.database.transaction() as tx:
            learn(tx, job, [StripeRefund("re_1", "pi_1", 192, state, moved=state == "succeeded", ours=row.refund_id)])

    assert desk.sql("SELECT state, stripe_refund FROM refunds") == [("succeeded", "re_1")]


def test_a_verdict_of_our_own_undoes_no_refund(desk: Rig, job: uuid.UUID) -> None:
    row = _refund_claim(desk, _refund(job))
    with desk.database.transaction() as tx:
        learn(tx, job, [StripeRefund("re_1", "pi_1", 192, "succeeded", moved=True, ours=row.refund_id)])
    for state in ("failed", "claimed"):
        with desk.database.transaction() as tx:
            refunds.conclude(tx, [RefundVerdict(row.refund_id, state, "no answer")])

    assert desk.sql("SELECT state FROM refunds") == [("succeeded",)]
