"""Stripe keeps an error of its own under a refund's key: another key is used only where it cannot refund twice."""

from uuid import UUID

import pytest
import requests
from pydantic import SecretStr

from services.finisher.stripe import Refunds
from tests.integration.ingest.shop import STRIPE_KEY
from tests.integration.money.test_refund_orders import ordered, stands
from tests.integration.money.till import PRICE, Till
from tests.integration.money.wire import Payments


@pytest.fixture
def wired(payments: Payments) -> Payments:
    """The refund lane asks the stand-in on the wire."""
    lane = payments.till.runner.lane
    lane._stripe = Refunds(SecretStr(STRIPE_KEY), payments.url, 5)  # type: ignore[attr-defined] # noqa: SLF001
    return payments


def paid(payments: Payments) -> UUID:
    intent = payments.paid()
    payments.tell()
    ((job_id,),) = payments.till.sql("SELECT job_id FROM jobs WHERE payment_intent = %s", intent)
    return UUID(str(job_id))


def lane(till: Till, job_id: UUID) -> None:
    """One delivery, when the claim before is over."""
    till.sql("UPDATE refunds SET claimed_until = now() - interval '1 s'")
    for item in till.begin(job_id):
        item.answer = till.runner.lane.ask(item.about)
        till.runner.decide([item])


def made(payments: Payments) -> tuple[int, list[str]]:
    """Cents that Stripe has given back, and the keys that it was asked under, each once."""
    books = requests.get(f"{payments.url}/sandbox/ledger", timeout=10).json()
    asked = [c["key"] for c in books["calls"] if (c["method"], c["path"]) == ("POST", "/v1/refunds")]
    return sum(r["amount"] for r in books["refunds"]), list(dict.fromkeys(asked))


def key_of(till: Till, job_id: UUID) -> tuple[str, int, bool]:
    (row,) = till.sql("SELECT idempotency_key, key_number, key_spent FROM refunds WHERE job_id = %s", job_id)
    return str(row[0]), int(row[1]), bool(row[2])


def break_once(payments: Payments, *, effect: bool = False) -> None:
    """The next refund is answered with an error of Stripe's own, which it keeps."""
    payments.post("faults", fault="http_500", count=1, match="failure_reason", effect=effect)


def test_an_error_that_stripe_keeps_delays_a_refund_by_two_wake_ups(wired: Payments) -> None:
    till, job_id = wired.till, paid(wired)
    ordered(till, job_id)
    break_once(wired)
    for spent in (False, True):
        lane(till, job_id)
        key, number, known = key_of(till, job_id)
        assert (number, known) == (1, spent), "only its repetition says that the answer is kept"
        assert stands(till, job_id) == ("refund", "failed", 0)

    lane(till, job_id)

    assert stands(till, job_id) == ("announce", "refunded", PRICE)
    assert made(wired) == (PRICE, [key, f"{key}:key2"])


def test_who_dies_with_the_new_key_goes_on_with_it(wired: Payments) -> None:
    till, job_id = wired.till, paid(wired)
    ordered(till, job_id)
    break_once(wired)
    lane(till, job_id)
    lane(till, job_id)
    for _ in range(2):
        till.sql("UPDATE refunds SET claimed_until = now() - interval '1 s'")
        (item,) = till.begin(job_id)
        assert key_of(till, job_id)[1:] == (2, False), "the new key stands on the row before it is used"
    till.runner.lane.ask(item.about)  # and dies with the answer
    lane(till, job_id)

    assert stands(till, job_id) == ("announce", "refunded", PRICE)
    assert made(wired) == (PRICE, list(dict.fromkeys([key_of(till, job_id)[0], item.about.idempotency_key])))


def test_a_late_answer_to_the_old_key_says_nothing_of_the_new_one(wired: Payments) -> None:
    till, job_id = wired.till, paid(wired)
    ordered(till, job_id)
    break_once(wired)
    lane(till, job_id)
    till.sql("UPDATE refunds SET claimed_until = now() - interval '1 s'")
    (late,) = till.begin(job_id)
    late.answer = till.runner.lane.ask(late.about)
    lane(till, job_id)
    till.sql("UPDATE refunds SET claimed_until = now() - interval '1 s'")
    till.begin(job_id)
    assert key_of(till, job_id)[1:] == (2, False)
    till.runner.decide([late])
    assert key_of(till, job_id)[1:] == (2, False)


def test_an_error_behind_which_the_refund_was_made_is_one_refund(wired: Payments) -> None:
    till, job_id = wired.till, paid(wired)
    ordered(till, job_id)
    break_once(wired, effect=True)
    for _ in range(3):
        lane(till, job_id)

    assert stands(till, job_id) == ("announce", "refunded", PRICE)
    assert made(wired) == (PRICE, [key_of(till, job_id)[0]])


def test_a_part_that_would_fit_twice_waits_until_stripe_forgets_the_key(wired: Payments) -> None:
    till, job_id = wired.till, paid(wired)
    ordered(till, job_id, PRICE // 2)
    break_once(wired)
    for _ in range(4):
        lane(till, job_id)
    key, number, spent = key_of(till, job_id)
    assert (number, spent, made(wired)) == (1, True, (0, [key]))

    requests.delete(f"{wired.url}/sandbox/keys", timeout=10).raise_for_status()
    lane(till, job_id)
    assert made(wired) == (PRICE // 2, [key])
