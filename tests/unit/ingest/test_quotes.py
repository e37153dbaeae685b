"""Prices, held against the table of contracts.md."""

from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stripe._encode import _api_encode

from sandbox.stripe.form import decode
from sandbox.stripe.inputs import SessionCreate, read
from sandbox.stripe.rules import one_currency, total
from services.ingest.money.currencies import MINIMUM_CENTS
from services.ingest.money.stripe import Purchase, session_params
from services.ingest.selling.quotes import Quote, Tariff, TooLarge, dollars, price_list, quote, shown

TARIFF = Tariff(Decimal("0.25"), 4, Decimal(200), 300)
sides = st.integers(min_value=1, max_value=20_000)


@pytest.mark.parametrize(
    ("factor", "megapixels", "credits", "cost", "price"), [(4, 64, 16, 64, 192), (8, 256, 64, 256, 768)]
)
def test_the_examples_of_the_contract(factor: int, megapixels: int, credits: int, cost: int, price: int) -> None:  # noqa: A002 - the contract's columns
    offer = quote(TARIFF, 2000, 2000, factor)
    assert isinstance(offer, Quote)
    assert offer.megapixels == megapixels
    assert offer.credits == credits
    assert (offer.cost_cents, offer.price_cents) == (cost, price)


def test_credits_are_rounded_up_to_a_whole_one() -> None:
    assert [_offer(2000, 2000, 1).credits, _offer(2000, 2001, 1).credits] == [1, 2]


def test_the_smallest_picture_costs_a_credit_and_what_stripe_takes_at_least() -> None:
    assert (_offer(1, 1, 4).credits, _offer(1, 1, 4).price_cents) == (1, 50)


def test_half_a_cent_is_rounded_up() -> None:
    tariff = Tariff(Decimal("0.25"), 5, Decimal("250.5"), 300)
    offer = quote(tariff, 2000, 2000, 4)
    assert isinstance(offer, Quote)
    assert (offer.cost_cents, offer.price_cents) == (80, 280)
    assert _priced(Tariff(Decimal(1), 1, Decimal(50), 300), 1000, 1000, 9) == 122  # 81 cents and a half: 121.5


def test_what_the_provider_would_not_make_is_refused_with_a_reason() -> None:
    refusal = quote(TARIFF, 4331, 4331, 4)
    assert isinstance(refusal, TooLarge)
    assert "300 megapixels" in str(refusal.why) or "300 can be made" in str(refusal.why)


def test_exactly_the_limit_is_sold() -> None:
    assert isinstance(quote(Tariff(Decimal("0.25"), 4, Decimal(200), 256), 2000, 2000, 8), Quote)


def test_a_resolution_that_cannot_be_made_is_left_out() -> None:
    offers = price_list(TARIFF, 3000, 3000)
    assert not isinstance(offers, TooLarge)
    assert list(offers) == ["4x"]


def test_nothing_to_sell_is_a_refusal() -> None:
    assert isinstance(price_list(TARIFF, 9000, 9000), TooLarge)


def test_the_plugin_reads_numbers() -> None:
    assert shown(_offer(2000, 2000, 4)) == {
        "credits": 16,
        "cost_usd": 0.64,
        "customer_price": 1.92,
        "markup_percentage": 200.0,
        "output_megapixels": 64.0,
        "output_dimensions": {"width": 8000, "height": 8000},
    }


@pytest.mark.parametrize("markup", [Decimal(0), Decimal(200), Decimal("33.3"), Decimal("250.5")])
def test_every_credit_count_to_5000_is_charged_as_it_was_quoted(markup: Decimal) -> None:
    tariff = Tariff(Decimal("0.25"), 4, markup, 10**9)
    for credit_count in range(1, 5001):
        offer = quote(tariff, 2000 * credit_count, 2000, 1)
        assert isinstance(offer, Quote)
        assert (offer.credits, offer.cost_cents) == (credit_count, credit_count * 4)
        exact = floor(credit_count * 4 * (1 + Fraction(markup) / 100) + Fraction(1, 2))
        assert offer.price_cents == max(exact, 50)
        assert Decimal(repr(shown(offer)["customer_price"])) * 100 == offer.price_cents
        assert _asked_of_stripe(offer) == offer.price_cents


def _asked_of_stripe(offer: Quote) -> int:
    """Cents on the payment page, as Stripe reads the very body that stripe-python writes."""
    page = "https://shop.example/"
    purchase = Purchase("4x", offer.price_cents, "usd", {"job_id": "1"}, page, page, None, "key")
    body = list(_api_encode(session_params(purchase)))
    asked = read(SessionCreate, decode([(name, str(value)) for name, value in body]))
    return total(asked, one_currency(asked))


def test_a_price_is_never_below_what_stripe_takes_in_its_currency() -> None:
    assert _priced(Tariff(Decimal("0.25"), 4, Decimal(0), 300, MINIMUM_CENTS["gbp"]), 1000, 1000, 4) == 30
    assert _priced(Tariff(Decimal("0.25"), 4, Decimal(0), 300, MINIMUM_CENTS["czk"]), 1000, 1000, 4) == 1500


def test_what_stripe_cannot_charge_at_once_is_refused_with_a_reason() -> None:
    refusal = quote(Tariff(Decimal(1), 10**6, Decimal(0), 300), 4000, 4000, 4)
    assert isinstance(refusal, TooLarge)
    assert "charged at once" in str(refusal.why)


@given(sides, sides, st.sampled_from([4, 8]), st.decimals(0, 1000, places=2))
def test_prices_are_exact_whatever_is_sold(width: int, height: int, factor: int, markup: Decimal) -> None:
    offer = quote(Tariff(Decimal("0.25"), 4, markup, 10**9), width, height, factor)
    assert isinstance(offer, Quote)
    credit_count = max(ceil(Fraction(width * height * factor**2, 4_000_000)), 1)
    exact = credit_count * 4 * (1 + Fraction(markup) / 100)
    assert (offer.credits, offer.cost_cents) == (credit_count, credit_count * 4)
    assert offer.price_cents == max(floor(exact + Fraction(1, 2)), 50)


@given(st.integers(min_value=0, max_value=10**9))
def test_dollars_keep_every_cent(cents: int) -> None:
    assert round(dollars(cents) * 100) == cents


def _offer(width: int, height: int, factor: int) -> Quote:
    offer = quote(TARIFF, width, height, factor)
    assert isinstance(offer, Quote)
    return offer


def _priced(tariff: Tariff, width: int, height: int, factor: int) -> int:
    offer = quote(tariff, width, height, factor)
    assert isinstance(offer, Quote)
    return offer.price_cents
