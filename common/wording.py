"""Words that pages and mails share: amounts, instants and sizes as people write them, and why an order failed."""

from datetime import UTC, datetime
from decimal import Decimal

from babel.dates import format_datetime
from babel.numbers import format_currency, format_decimal

from common.language import mark, translate

INSTANTS = {"en": "d MMMM yyyy, HH:mm 'UTC'", "de": "d. MMMM yyyy, HH:mm 'Uhr' 'UTC'"}
REASONS = {
    "provider_failed": mark("Our enlargement service could not process this picture."),
    "picture_refused": mark("Our enlargement service cannot work with this kind of picture."),
    "source_gone": mark("The picture that you ordered could not be found any more."),
    "source_unfit": mark("The file of this picture is damaged, or of a kind that cannot be enlarged."),
    "source_changed": mark("The picture that you ordered was replaced by one of another size."),
    "source_refused": mark("The picture that you ordered could not be fetched from the shop."),
    "timeout": mark("The enlargement took far longer than it should, so we stopped it."),
    "promise": mark("We could not deliver by the time that we promised."),
    "check_failed": mark("The result did not pass our quality checks, and we do not deliver what is not right."),
    "result_gone": mark("The finished picture could not be fetched from our enlargement service."),
    "attempts_used_up": mark("Several attempts brought no good result."),
    "operator": mark("We could not make this enlargement, and have given it up."),
    "refunded_by_shop": mark("The shop gave your payment back."),
    "cancelled": mark("You cancelled this order before work on it had begun."),
}
OTHER_REASON = mark("We could not make this enlargement.")
REFUND_SHOWS = mark("The refund usually shows on your statement within 5 to 10 business days, depending on your bank.")


def reason(name: str | None, language: str = "en") -> str:
    """Why an order failed, in a sentence for its customer."""
    return translate(REASONS.get(name or "", OTHER_REASON), language)


def money(cents: int, currency: str, language: str = "en") -> str:
    """Integer cents as people read them: 192, usd, en -> $1.92."""
    return format_currency(Decimal(cents) / 100, currency.upper(), locale=language)


def number(value: Decimal | int, language: str = "en") -> str:
    """A number with the language's own separators."""
    return format_decimal(value, locale=language)


def megabytes(size: int, language: str = "en") -> str:
    """A file's size in MB with one decimal; small ones are not nothing."""
    return number(max(round(Decimal(size) / 1_000_000, 1), Decimal("0.1")), language)


def instant(when: datetime, language: str = "en") -> str:
    """A moment with its zone."""
    return format_datetime(when.astimezone(UTC), INSTANTS[language], locale=language)
