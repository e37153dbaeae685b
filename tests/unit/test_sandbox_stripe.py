"""The pure parts of the Stripe stand-in: its form decoding, signature, rules and books."""

import asyncio
import itertools
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st
from stripe._encode import _api_encode

from sandbox.stripe.books import Books, RefundPlan
from sandbox.stripe.desk import later
from sandbox.stripe.form import decode
from sandbox.stripe.inputs import RefundCreate, SessionCreate, read
from sandbox.stripe.journal import Journal
from sandbox.stripe.page import money
from sandbox.stripe.records import Charge, Dispute, Event, Refund, Transaction
from sandbox.stripe.refusals import Refusal
from sandbox.stripe.rules import charge_fee, expiry
from sandbox.stripe.webhooks import signature

NOW = 1_800_000_000

names = st.from_regex(r"[a-z_]{1,8}", fullmatch=True).filter(lambda name: name != "metadata")
leaves = st.text(max_size=8)
trees = st.dictionaries(
    names,
    st.recursive(
        leaves,
        lambda inner: st.lists(inner, min_size=1, max_size=12) | st.dictionaries(names, inner, min_size=1, max_size=3),
        max_leaves=12,
    ),
    max_size=4,
)


@given(trees)
def test_what_stripe_python_encodes_is_decoded(tree: dict[str, Any]) -> None:
    assert decode(_api_encode(tree)) == tree


def test_numbers_as_metadata_keys_make_no_list() -> None:
    assert decode([("metadata[0]", "a"), ("expand[]", "b"), ("expand[]", "c")]) == {
        "metadata": {"0": "a"},
        "expand": ["b", "c"],
    }


@given(st.text(max_size=50), st.integers(0, 2**40))
def test_the_signature_is_the_one_that_stripe_python_computes(body: str, stamp: int) -> None:
    theirs = stripe.WebhookSignature.generate_signature_header(body, "whsec_x", stamp)
    assert signature(body.encode(), "whsec_x", stamp) == theirs


@pytest.mark.parametrize(("after_s", "allowed"), [(1739, False), (1740, True), (86_460, True), (86_461, False)])
def test_a_session_lasts_from_half_an_hour_to_a_day_give_or_take_a_minute(after_s: int, *, allowed: bool) -> None:
    if allowed:
        assert expiry(NOW + after_s, NOW) == NOW + after_s
    else:
        with pytest.raises(Refusal, match="expires_at"):
            expiry(NOW + after_s, NOW)
    assert expiry(None, NOW) == NOW + 86_400


@given(st.integers(50, 99_999_999))
def test_the_fee_is_rounded_half_up(amount: int) -> None:
    exact = Decimal(amount) * Decimal("0.029") + 30
    assert charge_fee(amount) == int(exact + Decimal("0.5"))


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [(768, "usd", "$7.68"), (123456789, "eur", "€1,234,567.89"), (50, "chf", "0.50 CHF")],
)
def test_money_is_written_as_people_write_it(amount: int, currency: str, text: str) -> None:
    assert money(amount, currency) == text


def new_books() -> tuple[Books, list[Event]]:
    told: list[Event] = []
    numbers = itertools.count(1)
    journal = Journal(lambda: NOW, lambda prefix: f"{prefix}{next(numbers)}", told.append)
    return Books(journal), told


def paid(books: Books, amount: int) -> str:
    price = {"currency": "usd", "unit_amount": amount, "product_data": {"name": "4x"}}
    asked = read(
        SessionCreate,
        {"mode": "payment", "success_url": "http://shop.test/", "line_items": [{"price_data": price}]},
    )
    session = books.open_session(asked, "http://pay.test")
    return str(books.pay(session["id"], "pat@example.com")["payment_intent"])


def refund(books: Books, intent: str, amount: int, *, pending: bool) -> None:
    plan = RefundPlan("pending") if pending else RefundPlan()
    books.refund(RefundCreate(payment_intent=intent, amount=amount), plan)


def every_id(books: Books, kind: type[Refund] | type[Dispute]) -> list[str]:
    return [row.id for row in books.tables.every(kind)] or ["none"]


moves = st.sampled_from(["succeeded", "failed", "canceled", "requires_action", "pending"])
steps = st.one_of(
    st.tuples(st.just("refund"), st.integers(1, 700), st.booleans()),
    st.tuples(st.just("move"), st.integers(0, 5), moves),
    st.tuples(st.just("dispute"), st.sampled_from(["needs_response", "warning_needs_response"]), st.none()),
    st.tuples(st.just("close"), st.integers(0, 3), st.sampled_from(["won", "lost", "warning_closed"])),
    st.tuples(st.sampled_from(["escalate", "review"]), st.integers(0, 3), st.none()),
)


def act(books: Books, intent: str, step: Any) -> None:
    refunds, disputes = every_id(books, Refund), every_id(books, Dispute)
    acts: dict[str, Callable[[Any, Any], object]] = {
        "refund": lambda amount, pending: refund(books, intent, amount, pending=pending),
        "move": lambda nth, status: books.move_refund(refunds[nth % len(refunds)], status),
        "dispute": lambda status, _: books.dispute(intent, status, "fraudulent"),
        "close": lambda nth, status: books.close_dispute(disputes[nth % len(disputes)], status),
        "review": lambda nth, _: books.review_dispute(disputes[nth % len(disputes)]),
        "escalate": lambda nth, _: books.escalate_dispute(disputes[nth % len(disputes)]),
    }
    name, first, second = step
    acts[name](first, second)


def owed(books: Books, charge: Charge) -> int:
    """What the balance must say: charged, less what was refunded for good, less what disputes hold."""
    refunded = sum(row.amount for row in books.tables.every(Refund) if row.status == "succeeded")
    held = sum(
        row.amount for row in books.tables.every(Dispute) if row.status in ("needs_response", "under_review", "lost")
    )
    return charge.amount - refunded - held


@given(st.lists(steps, max_size=25))
def test_whatever_happens_the_books_add_up_and_a_refusal_changes_nothing(story: list[Any]) -> None:
    books, told = new_books()
    intent = paid(books, 1000)
    [charge] = books.tables.every(Charge)
    for step in story:
        before = (charge.amount_refunded, len(books.tables.every(Transaction)), len(told))
        try:
            act(books, intent, step)
        except Refusal:
            assert (charge.amount_refunded, len(books.tables.every(Transaction)), len(told)) == before
        alive = [row.amount for row in books.tables.every(Refund) if row.status not in ("failed", "canceled")]
        assert sum(alive) == charge.amount_refunded <= charge.amount
        assert sum(entry.amount for entry in books.tables.every(Transaction)) == owed(books, charge) >= 0


def test_what_is_due_later_is_done_unless_events_overtook_it() -> None:
    done: list[str] = []

    def overtaken() -> None:
        done.append("refused")
        raise Refusal(400, "too late")

    async def wait() -> None:
        finished = asyncio.Event()
        later(0, overtaken)
        later(0, lambda: done.append("done"))
        later(0.01, finished.set)
        await finished.wait()

    asyncio.run(wait())

    assert done == ["refused", "done"]
