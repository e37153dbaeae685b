"""Letters: from a job's rows to a mail with an HTML and a plain-text part (jinja2, css-inline)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from babel.dates import format_datetime
from babel.numbers import format_currency, format_decimal
from css_inline import CSSInliner
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

REASONS = {
    "provider_failed": "Our enlargement service could not process this picture.",
    "picture_refused": "Our enlargement service cannot work with this kind of picture.",
    "timeout": "The enlargement took far longer than it should, so we stopped it.",
    "promise": "We could not deliver by the time that we promised.",
    "check_failed": "The result did not pass our quality checks, and we do not deliver what is not right.",
    "result_gone": "The finished picture could not be fetched from our enlargement service.",
    "attempts_used_up": "Several attempts brought no good result.",
}
REFUND_SHOWS = "It usually shows on your statement within 5 to 10 business days, depending on your bank."


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail, ready to be rendered: which templates, to whom, under which Message-ID, with which values."""

    kind: str
    recipient: str
    message_id: str
    locale: str
    values: Mapping[str, Any]


class Letters:
    """Renders letters with the shop's names."""

    def __init__(self, mail_from: str, site_name: str, support_email: str, terms_url: str | None) -> None:
        self._sender = Address(site_name, addr_spec=mail_from)
        self._shared = {"site_name": site_name, "support_email": support_email, "terms_url": terms_url}
        self._support = support_email
        self._inliner = CSSInliner()
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=select_autoescape(),
            undefined=StrictUndefined,
        )

    def render(self, letter: Letter) -> EmailMessage:
        """The complete mail. Headers are set through email.message, which refuses line breaks (threat 21)."""
        values = {**self._shared, "locale": letter.locale, **letter.values}
        text = self._templates.get_template(f"{letter.kind}.txt")
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = Address(addr_spec=letter.recipient)
        message["Subject"] = "".join(text.blocks["subject"](text.new_context(values))).strip()
        message["Date"] = datetime.now(UTC)
        message["Message-ID"] = letter.message_id
        message["Reply-To"] = self._support
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text.render(values).strip() + "\n")
        html = self._templates.get_template(f"{letter.kind}.html").render(values)
        message.add_alternative(self._inliner.inline(html), subtype="html")
        return message


def money(cents: int, currency: str, locale: str) -> str:
    """Integer cents as people read them: 192, usd, en -> $1.92."""
    return format_currency(Decimal(cents) / 100, currency.upper(), locale=locale)


def megabytes(size: int, locale: str) -> str:
    """A file's size in MB with one decimal."""
    return format_decimal(max(round(Decimal(size) / 1_000_000, 1), Decimal("0.1")), locale=locale)


def instant(when: datetime, locale: str) -> str:
    """A moment with its zone, as people read it."""
    return f"{format_datetime(when.astimezone(UTC), 'd MMMM yyyy, HH:mm', locale=locale)} UTC"
