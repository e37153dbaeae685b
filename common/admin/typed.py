"""What people type where an amount, a date or an address is asked for; a RefusedError says what was wrong with it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from email_validator import EmailNotValidError, validate_email

from common.admin.desk import RefusedError

LONGEST_HOURS = 24 * 90


def cents(amount: str) -> int:
    """`1.50` is 150; more than two decimals are no money."""
    try:
        found = Decimal(amount) * 100
    except InvalidOperation as error:
        raise RefusedError("no_amount", f"{amount!r} is no amount like 1.50.") from error
    if not found.is_finite() or found != int(found) or found <= 0:
        raise RefusedError("no_amount", f"{amount!r} is no amount like 1.50.")
    return int(found)


def address(text: str) -> str:
    try:
        return validate_email(text, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise RefusedError("no_address", f"{text!r} is no e-mail address: {error}") from error


def instant(text: str) -> datetime:
    """`3d` from now, or a date with its zone (the zone of this machine when it has none)."""
    units = {"m": "minutes", "h": "hours", "d": "days"}
    try:
        if text[-1:] in units:
            return datetime.now(UTC) + timedelta(**{units[text[-1]]: float(text[:-1])})
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as error:
        raise RefusedError("no_date", f"{text!r} is neither like 90m, 8h, 3d nor a date like 2026-12-24.") from error


def hours(text: str) -> float:
    """A promise from now, at most 90 days."""
    try:
        found = float(text.replace(",", "."))
    except ValueError as error:
        raise RefusedError("no_hours", f"{text!r} is no number of hours.") from error
    if not 0 < found <= LONGEST_HOURS:
        raise RefusedError("no_hours", f"A promise is at most {LONGEST_HOURS} hours (90 days) away.")
    return found
