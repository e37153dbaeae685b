"""Stripe promises no order, and delivers at least once: whatever comes when, the books end the same: as Stripe's."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from common.stages import Stage
from sandbox.stripe.books import RefundPlan
from sandbox.stripe.inputs import RefundCreate
from services.ingest.money.stripe_events import receive, replay
from tests.integration.money.till import PRICE, Bank, Till
from tests.integration.money.worlds import World, a_history, happen, stripes_balance

EXAMPLES = 60


def test_any_order_duplication_and_delay_end_in_the_same_books(till: Till) -> None:
    outcomes: Counter[str] = Counter()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # shrinking takes longer than a test may
    )
    @given(seed=st.integers(0, 2**32))  # hypothesis' own lists are mostly short, and its permutations mild
    def told(seed: int) -> None:
        chances = random.Random(seed)  # noqa: S311 - a schedule, no secret
        histories = [a_history(chances) for _ in range(chances.randint(1, 3))]
        till.bank = Bank()
        till.edge = till.with_stripe(till.bank)
        orders = [till.order() for _ in histories]
        for job_id, (payment, steps) in zip(orders, histories, strict=True):
            happen(till, job_id, payment, steps)
        events, till.bank.events = till.bank.events, []
        first, other = World(till, {j: j for j in orders}, {}), World.of(till, orders)

        for event in events:
            outcomes[event["type"]] += 1
            first.hear(event)
        chances.shuffle(again := events + chances.choices(events, k=len(events) // 2))
        for event in again:
            other.hear(event)

        assert other.books() == first.books()
        assert other.ends() == first.ends()
        assert till.balance("stripe", orders) == stripes_balance(till.bank)
        charged, refunded = -till.balance("sales", orders), till.balance("refunds", orders)
        assert (charged, refunded) == (till.bank.charged, till.bank.refunded)
        assert sum(refunded for _, refunded in first.ends().values()) == till.bank.refunded

    told()
    for kind in (
        "refund.created",
        "refund.failed",
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.closed",
    ):
        assert outcomes[kind], f"{kind} never came: {outcomes}"


@pytest.mark.parametrize("copies", [50])
def test_fifty_duplicates_of_each_event_at_once_have_one_effect(till: Till, copies: int) -> None:
    job_id = till.order()
    intent = till.pay(job_id)
    till.bank.books.refund(RefundCreate(payment_intent=intent, amount=50), RefundPlan())
    till.bank.books.dispute(intent, "needs_response", "fraudulent")
    till.bank.books.close_dispute(till.bank.events[-1]["data"]["object"]["id"], "won")
    for event in till.bank.events:
        with ThreadPoolExecutor(20) as threads:
            outcomes = Counter(threads.map(lambda told: receive(till.edge, told), [event] * copies))
        assert outcomes["duplicate"] == copies - 1, (event["type"], outcomes)

    facts = till.facts(job_id)
    assert facts == ["charge", "dispute", "dispute", "fee", "fee", "refund"]
    assert till.balance("stripe") == stripes_balance(till.bank)
    kinds = [r[0] for r in till.sql("SELECT kind FROM job_events WHERE job_id = %s", job_id)]
    assert (kinds.count("paid"), kinds.count("refunded_in_part")) == (1, 1)


def test_all_events_at_once_and_backwards_are_stripes_books(till: Till) -> None:
    job_id = till.order()
    intent = till.pay(job_id)
    till.bank.books.refund(RefundCreate(payment_intent=intent, amount=50), RefundPlan("pending"))
    till.bank.books.move_refund(till.bank.events[-2]["data"]["object"]["id"], "succeeded")
    till.bank.books.dispute(intent, "warning_needs_response", "fraudulent")
    events = till.bank.events[::-1] * 5
    with ThreadPoolExecutor(20) as threads:
        list(threads.map(lambda told: receive(till.edge, told), events))

    assert till.balance("stripe") == stripes_balance(till.bank)
    assert till.job(job_id).refunded_cents == 50


def test_what_was_paid_and_given_back_before_anyone_told_is_not_made(till: Till) -> None:
    job_id = till.order()
    intent = till.pay(job_id)
    till.bank.books.refund(RefundCreate(payment_intent=intent), RefundPlan())
    till.bank.events.reverse()
    assert till.tell()[0] == "ignored"

    assert till.job(job_id).stage is Stage.REFUND
    till.refund_lane(job_id)
    job = till.job(job_id)
    assert (job.stage, job.status, job.refunded_cents) == ("announce", "refunded", PRICE)
    assert till.bank.refunded == PRICE


def test_a_replayed_event_changes_nothing(till: Till) -> None:
    job_id, intent = till.paid()
    till.bank.books.refund(RefundCreate(payment_intent=intent, amount=50), RefundPlan())
    till.tell()
    before = till.facts(job_id), till.job(job_id).version
    for payload in [row[0] for row in till.sql("SELECT payload FROM stripe_events")]:
        replay(till.edge, payload)

    assert (till.facts(job_id), till.job(job_id).version) == before
