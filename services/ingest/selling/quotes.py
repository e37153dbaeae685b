"""What an enlargement costs: contracts.md, "Credits and money". Integers and Decimal only."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal

from common.language import Told, mark
from services.ingest.money.currencies import MAXIMUM_CENTS, MINIMUM_CENTS
from services.ingest.settings import IngestSettings

MEGAPIXEL = 1_000_000
TOO_LARGE = mark(
    "Enlarged %(factor)s times, this picture would have %(megapixels)s megapixels; at most %(most)s can be made."
)
TOO_DEAR = mark("Enlarged %(factor)s times, this picture would cost more than can be charged at once.")
RESOLUTIONS = {"4x": 4, "8x": 8}


@dataclass(frozen=True, slots=True)
class Tariff:
    """What prices are made of, and the largest output that the provider makes."""

    credits_per_megapixel: Decimal
    cents_per_credit: int
    markup_percent: Decimal
    max_output_megapixels: int
    minimum_cents: int = MINIMUM_CENTS["usd"]

    @classmethod
    def of(cls, settings: IngestSettings) -> "Tariff":
        return cls(
            settings.credits_per_megapixel,
            settings.cents_per_credit,
            settings.markup_percent,
            settings.upsampler_max_output_megapixels,
            MINIMUM_CENTS[settings.currency],
        )


@dataclass(frozen=True, slots=True)
class Quote:
    """The price of one enlargement; `width` and `height` are the output's, in pixels."""

    factor: int
    width: int
    height: int
    credits: int
    cost_cents: int
    price_cents: int
    markup_percent: Decimal

    @property
    def megapixels(self) -> Decimal:
        return Decimal(self.width * self.height) / MEGAPIXEL


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The provider would not make this, or Stripe not charge it; `why` is for the customer."""

    why: Told


def quote(tariff: Tariff, width: int, height: int, factor: int) -> Quote | TooLarge:
    """Price the enlargement of a picture of `width` x `height` pixels."""
    wide, high = width * factor, height * factor
    megapixels = Decimal(wide * high) / MEGAPIXEL
    if megapixels > tariff.max_output_megapixels:
        values = {"factor": factor, "megapixels": f"{megapixels:.0f}", "most": tariff.max_output_megapixels}
        return TooLarge(Told(TOO_LARGE, values))
    needed = int((megapixels * tariff.credits_per_megapixel).to_integral_value(ROUND_CEILING))
    credit_count = max(needed, 1)
    cost = credit_count * tariff.cents_per_credit
    price = (cost * (1 + tariff.markup_percent / 100)).quantize(Decimal(1), ROUND_HALF_UP)
    if price > MAXIMUM_CENTS:
        return TooLarge(Told(TOO_DEAR, {"factor": factor}))
    return Quote(factor, wide, high, credit_count, cost, max(int(price), tariff.minimum_cents), tariff.markup_percent)


def price_list(tariff: Tariff, width: int, height: int) -> Mapping[str, Quote] | TooLarge:
    """What can be bought for this picture, by resolution; the refusal of the smallest when nothing can."""
    offers = {name: quote(tariff, width, height, factor) for name, factor in RESOLUTIONS.items()}
    possible = {name: offer for name, offer in offers.items() if isinstance(offer, Quote)}
    if possible:
        return possible
    return next(offer for offer in offers.values() if isinstance(offer, TooLarge))


def dollars(cents: int) -> float:
    """The plugin reads amounts as numbers; nothing is calculated with this."""
    return float(Decimal(cents) / 100)


def shown(offer: Quote) -> dict[str, object]:
    """One entry of `pricing` in the plugin's words."""
    return {
        "credits": offer.credits,
        "cost_usd": dollars(offer.cost_cents),
        "customer_price": dollars(offer.price_cents),
        "markup_percentage": float(offer.markup_percent),
        "output_megapixels": float(offer.megapixels),
        "output_dimensions": {"width": offer.width, "height": offer.height},
    }
