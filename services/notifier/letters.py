"""Letters: from a job's rows to a mail with an HTML and a plain-text part (jinja2, css-inline)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from css_inline import CSSInliner

from common.language import known
from common.templating import templates

TEMPLATES = Path(__file__).parent / "templates"


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

    def render(self, letter: Letter) -> EmailMessage:
        """The complete mail. Headers are set through email.message, which refuses line breaks (threat 21)."""
        values = {**self._shared, **letter.values}
        ours = templates(TEMPLATES, known(letter.locale))
        text = ours.get_template(f"{letter.kind}.txt")
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = Address(addr_spec=letter.recipient)
        message["Subject"] = "".join(text.blocks["subject"](text.new_context(values))).strip()
        message["Date"] = datetime.now(UTC)
        message["Message-ID"] = letter.message_id
        message["Reply-To"] = self._support
        message["Auto-Submitted"] = "auto-generated"
        message["X-Auto-Response-Suppress"] = "All"  # what Exchange looks at instead, so that no out-of-office comes
        message.set_content(text.render(values).strip() + "\n")
        html = ours.get_template(f"{letter.kind}.html").render(values)
        message.add_alternative(self._inliner.inline(html), subtype="html")
        message["Content-Language"] = known(letter.locale)
        return message
