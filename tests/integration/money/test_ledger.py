"""The books: each fact once, both sides of it, and nothing is ever taken back."""

from decimal import Decimal
from uuid import uuid4

import psycopg
import pytest

from common import attempts, ledger
from common.attempts import AttemptState, Claim, Record
from common.ledger import Account, Charge, Entry, Fee, Kind
from services.ingest.money.stripe_events import receive
from tests.integration.money.till import PRICE, Till

FEE = 36  # 2.9 % of 192 cents, and 30


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET amount_cents = 1",
        "DELETE FROM ledger",
        "DELETE FROM ledger WHERE false",
        "TRUNCATE ledger",
    ],
)
def test_what_is_booked_is_never_changed(till: Till, statement: str) -> None:
    till.paid()

    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        till.sql(statement)


def test_a_payment_is_booked_with_its_fee(till: Till) -> None:
    job_id, intent = till.paid()

    assert till.sql("SELECT fact, kind, debit, credit, amount_cents, currency FROM ledger ORDER BY kind") == [
        (f"charge:{intent}", "charge", "stripe", "sales", PRICE, "usd"),
        (f"fee:{intent}", "fee", "fees", "stripe", FEE, "usd"),
    ]
    assert till.job(job_id).charged_cents == PRICE


def test_the_same_fact_is_booked_once(till: Till) -> None:
    job_id, _ = till.paid()
    entry = Entry(job_id, "correction:1", Kind.ADJUSTMENT, Account.STRIPE, Account.SALES, 5, "usd")
    for _ in range(3):
        with till.database.transaction() as tx:
            ledger.book(tx, [entry, entry])

    assert till.facts(job_id) == ["adjustment", "charge", "fee"]


def test_both_sides_of_the_books_are_equal(till: Till) -> None:
    job_id, intent = till.paid()
    till.bank.books.dispute(intent, "needs_response", "fraudulent")
    till.tell()

    assert sum(till.balance(account.value) for account in Account) == 0
    assert till.balance("stripe") == -FEE - 1500
    assert till.facts(job_id) == ["charge", "dispute", "fee", "fee"]


@pytest.mark.parametrize(("cents", "fee"), [(50, 31), (192, 36), (1000, 59), (768, 52), (5000, 175)])
def test_stripes_fee_is_rounded_half_up(cents: int, fee: int) -> None:
    assert Fee(Decimal("2.9"), 30).of(cents) == fee


def test_a_free_order_books_nothing() -> None:
    assert ledger.charged(Charge(uuid4(), 0, "usd", None), Fee(Decimal("2.9"), 30)) == []


S = AttemptState
ENDS = {
    "succeeded, at the provider's price": (S.SUCCEEDED, 3, [12]),
    "succeeded, the provider names no price": (S.SUCCEEDED, None, [4]),
    "failed, and charged": (S.FAILED, 2, [8]),
    "failed, and not charged": (S.FAILED, None, []),
    "free": (S.SUCCEEDED, 0, []),
}


@pytest.mark.parametrize(("state", "charged", "booked"), ENDS.values(), ids=ENDS.keys())
def test_what_an_attempt_cost_is_booked_with_its_end(
    till: Till, state: AttemptState, charged: int | None, booked: list[int]
) -> None:
    job_id, _ = till.paid()
    with till.database.transaction() as tx:
        attempts.claim(tx, [Claim(job_id, 1, 1)], 60)
        attempts.record(tx, [Record(job_id, 1, S.OPEN, ended=False, provider_id="up_1", credits=None)], 60)
    for _ in range(3):
        with till.database.transaction() as tx:
            attempts.record(tx, [Record(job_id, 1, state, ended=True, credits=charged, result_url="u")], 60)

    assert [r[0] for r in till.sql("SELECT amount_cents FROM ledger WHERE kind = 'provider_cost'")] == booked


def test_a_result_that_comes_too_late_is_booked_as_well(till: Till) -> None:
    job_id, _ = till.paid()
    with till.database.transaction() as tx:
        attempts.claim(tx, [Claim(job_id, 1, 1), Claim(job_id, 2, 1)], 60)
        attempts.record(tx, [Record(job_id, 1, S.UNKNOWN, ended=True)], 60)
        attempts.record(tx, [Record(job_id, 2, S.SUCCEEDED, ended=True, credits=1, result_url="u")], 60)
    assert till.balance("provider_costs") == 4
    with till.database.transaction() as tx:
        attempts.record(tx, [Record(job_id, 1, S.SUCCEEDED, ended=True, credits=1, result_url="u")], 60)

    assert till.balance("provider_costs") == 8


def test_a_second_payment_of_one_order_is_on_the_books_and_its_refund_is_no_refund_of_the_order(till: Till) -> None:
    job_id, _ = till.paid()
    event = {"id": "evt_2", "type": "payment_intent.succeeded", "data": {"object": {
        "id": "pi_2", "amount_received": PRICE, "currency": "usd", "livemode": False, "receipt_email": "a@b.example",
        "metadata": {"source": "enlarger", "job_id": str(job_id)}}}}  # fmt: skip
    receive(till.edge, event)
    assert (till.balance("sales"), till.reasons(job_id)) == (-2 * PRICE, ["paid_twice"])

    refund = {"id": "re_2", "amount": PRICE, "status": "succeeded", "payment_intent": "pi_2", "metadata": {}}
    receive(till.edge, {"id": "evt_3", "type": "refund.created", "data": {"object": refund}})

    assert till.balance("refunds") == PRICE
    assert (till.job(job_id).refunded_cents, till.job(job_id).stage) == (0, "submit")
