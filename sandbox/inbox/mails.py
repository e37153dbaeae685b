"""A mail that was taken in, the mailbox of all of them, and the ledger of every attempt."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage, MIMEPart
from email.policy import default
from functools import cached_property
from typing import Any

CID = re.compile(r"""cid:([^"'\s>)]+)""", re.IGNORECASE)


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Part:
    """One attachment or inline part."""

    filename: str
    content_type: str
    content_id: str
    inline: bool
    content: bytes

    def summary(self, number: int) -> dict[str, Any]:
        return {
            "number": number,
            "filename": self.filename,
            "content_type": self.content_type,
            "content_id": self.content_id,
            "inline": self.inline,
            "size": len(self.content),
        }


@dataclass(frozen=True)
class Mail:
    """One mail, as it came; `to` are the recipients of its envelope, whatever its headers say."""

    id: int
    sender: str
    to: list[str]
    raw: bytes
    received_at: datetime = field(default_factory=now)

    @cached_property
    def message(self) -> EmailMessage:
        parsed = message_from_bytes(self.raw, policy=default)
        assert isinstance(parsed, EmailMessage)  # noqa: S101 (the policy makes them so)
        return parsed

    @property
    def subject(self) -> str:
        return _header(self.message, "subject")

    @property
    def message_id(self) -> str:
        return _header(self.message, "message-id").strip()

    @property
    def searchable(self) -> str:
        """What a fault's `match` is looked for in: the envelope and the mail, as sent and as read."""
        envelope = [self.sender, *self.to]
        return "\n".join([*envelope, self.subject, self.raw.decode(errors="replace"), self.text, self.html])

    @property
    def text(self) -> str:
        return self._body("plain")

    @property
    def html(self) -> str:
        return self._body("html")

    def _body(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        return _decoded(part) if part else ""

    @cached_property
    def parts(self) -> list[Part]:
        """Everything but the bodies: attachments, and the inline pictures of the HTML."""
        message = self.message
        bodies = {id(body) for kind in ("plain", "html") if (body := message.get_body((kind,)))}
        return [_part(part) for part in message.walk() if not part.is_multipart() and id(part) not in bodies]

    def summary(self) -> dict[str, Any]:
        """The mail as `GET /api/mails` shows it."""
        return {
            "id": self.id,
            "from": self.sender,
            "to": self.to,
            "subject": self.subject,
            "message_id": self.message_id,
            "headers": _headers(self.message),
            "text": self.text,
            "html": self.html,
            "parts": [part.summary(number) for number, part in enumerate(self.parts)],
            "received_at": self.received_at,
            "size": len(self.raw),
        }

    def html_with_pictures(self) -> str:
        """The HTML part with `cid:` pointing at the routes of this mail's own parts."""
        places = {part.content_id: number for number, part in enumerate(self.parts) if part.content_id}

        def place(found: re.Match[str]) -> str:
            number = places.get(found.group(1))
            return found.group() if number is None else f"/api/mails/{self.id}/parts/{number}"

        return CID.sub(place, self.html)


def _part(part: MIMEPart) -> Part:
    payload = part.get_payload(decode=True)
    return Part(
        filename=part.get_filename() or "",
        content_type=part.get_content_type(),
        content_id=_header(part, "content-id").strip().strip("<>"),
        inline=part.get_content_disposition() != "attachment",
        content=payload if isinstance(payload, bytes) else b"",
    )


def _headers(message: MIMEPart) -> list[tuple[str, str]]:
    """All headers as people read them; as it came, where the library cannot read one."""
    return [(name, _readable(message, name, raw)) for name, raw in message.raw_items()]


def _readable(message: MIMEPart, name: str, raw: Any) -> str:
    try:
        return str(message.policy.header_fetch_parse(name, raw))
    except (ValueError, LookupError, AttributeError, TypeError):  # its parser trips over hostile headers
        return str(raw)


def _header(message: MIMEPart, name: str) -> str:
    """The first header of this name, or nothing."""
    return next((value for key, value in _headers(message) if key.lower() == name), "")


def _decoded(part: MIMEPart) -> str:
    """Its text; an unknown character set is read as UTF-8, broken characters are shown as such."""
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    try:
        return content.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        return content.decode("utf-8", "replace")


@dataclass
class Attempt:
    """One line of the ledger: a mail accepted, or an attempt refused.

    `reply` is empty and `reply_sent` false when the sender never got an answer; `reply_read` is true when the sender
    said QUIT after it, which one that has given up does not.
    """

    sender: str
    to: list[str]
    accepted: bool
    reply: str = ""
    reply_sent: bool = False
    reply_read: bool = False
    fault: str | None = None
    mail_id: int | None = None
    subject: str = ""
    message_id: str = ""
    size: int = 0
    at: datetime = field(default_factory=now)

    @classmethod
    def of(cls, mail: Mail, *, accepted: bool) -> "Attempt":
        return cls(
            mail.sender,
            mail.to,
            accepted,
            mail_id=mail.id if accepted else None,
            subject=mail.subject,
            message_id=mail.message_id,
            size=len(mail.raw),
        )


@dataclass
class Mailbox:
    """All mails, oldest first, and all attempts. Touched by the event loop's thread only."""

    mails: list[Mail] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    last_id: int = 0

    def new(self, sender: str, to: list[str], raw: bytes) -> Mail:
        """A mail with a number of its own, not yet among the mails."""
        self.last_id += 1
        return Mail(self.last_id, sender, to, raw)

    def find(self, mail_id: int) -> Mail | None:
        return next((mail for mail in self.mails if mail.id == mail_id), None)

    def to(self, recipient: str | None) -> list[Mail]:
        """The mails to one recipient, by their whole address in any case; None or empty = all."""
        wanted = (recipient or "").lower()
        return [mail for mail in self.mails if not wanted or wanted in (one.lower() for one in mail.to)]
