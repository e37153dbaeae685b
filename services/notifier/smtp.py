"""The mail server: one connection and one recipient per message; every answer is a value (traps 42 to 44)."""

import contextlib
import smtplib
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Protocol
from urllib.parse import unquote, urlsplit

from common.outbound import cut_at

NULL_URL = "null:"
ACCEPTED = 250
PASSING = range(400, 500)
NO_LOGIN = 530  # authentication required (RFC 4954), in answer to whichever command
MAIL_TIMEOUTS = 2  # a whole mail may take so many time-outs; its claim is no shorter, or two workers would send it
TOO_SLOW = f"the mail server took longer than {MAIL_TIMEOUTS} x SMTP_TIMEOUT_S for one mail"


@dataclass(frozen=True, slots=True)
class Sent:
    """The server has accepted the mail."""


@dataclass(frozen=True, slots=True)
class NotSent:
    """Not accepted now; a repeat is safe, or (`maybe`) the answer was lost and the repeat has the same Message-ID.

    `refuses_us`: the server would take no mail of ours (the login, the sender): a person must look, and no customer
    goes without a mail for it.
    """

    why: str
    maybe: bool = False
    refuses_us: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """The server's final word on this recipient, or on this mail."""

    why: str


SendAnswer = Sent | NotSent | Rejected


def row_state(answer: SendAnswer) -> tuple[str, str | None]:
    """The state of the mail's row after this answer, and the error that is kept on it."""
    match answer:
        case Sent():
            return "sent", None
        case Rejected(why=why):
            return "failed", why
        case NotSent(why=why):
            return "waiting", why


class Mailer(Protocol):
    """What the notifier needs of a mail server."""

    def send(self, compose: Callable[[], EmailMessage]) -> SendAnswer: ...
    def greet(self, sender: str) -> SendAnswer: ...


class NullMailer:
    """`SMTP_URL=null:` accepts whatever it would be, unwritten, and forgets it; for benchmarks."""

    def send(self, compose: Callable[[], EmailMessage]) -> SendAnswer:
        del compose
        return Sent()

    def greet(self, sender: str) -> SendAnswer:
        del sender
        return Sent()


class SmtpMailer:
    """A server at smtp:// (STARTTLS whenever it is offered) or smtps://. Thread-safe: a connection per mail."""

    def __init__(self, url: str, timeout_s: float) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._tls = parts.scheme == "smtps"
        self._port = parts.port or (465 if self._tls else 25)
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self._timeout_s = timeout_s

    def send(self, compose: Callable[[], EmailMessage]) -> SendAnswer:
        deadline = time.monotonic() + MAIL_TIMEOUTS * self._timeout_s
        message, handed_over = compose(), False
        try:
            with self._connect(deadline) as server:
                handed_over = True  # from here on the server may have taken it although no answer comes
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            return _judge(code, text)
        except smtplib.SMTPDataError as error:
            return _judge(error.smtp_code, error.smtp_error)
        except smtplib.SMTPResponseException as error:
            return _about_us(error)
        except (OSError, smtplib.SMTPException) as error:
            return NotSent(TOO_SLOW if time.monotonic() >= deadline else _said(error), maybe=handed_over)
        return Sent()

    def greet(self, sender: str) -> SendAnswer:
        """Connect, log in and name the sender as for a mail, and send none."""
        try:
            with self._connect(time.monotonic() + MAIL_TIMEOUTS * self._timeout_s) as server:
                code, text = server.mail(sender)
                if code != ACCEPTED:
                    raise smtplib.SMTPSenderRefused(code, text, sender)
                server.rset()
        except smtplib.SMTPResponseException as error:
            return _about_us(error)
        except (OSError, smtplib.SMTPException) as error:
            return NotSent(_said(error))
        return Sent()

    @contextlib.contextmanager
    def _connect(self, deadline: float) -> Iterator[smtplib.SMTP]:
        """A session, logged in, that is cut at the deadline (monotonic seconds)."""
        context = ssl.create_default_context()
        server: smtplib.SMTP = (
            smtplib.SMTP_SSL(self._host, self._port, timeout=self._timeout_s, context=context)
            if self._tls
            else smtplib.SMTP(self._host, self._port, timeout=self._timeout_s)
        )
        with contextlib.closing(server), cut_at(deadline, lambda: server.sock):
            server.ehlo()
            if not self._tls and server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
            if self._user:
                server.login(self._user, self._password)
            yield server
            with contextlib.suppress(OSError, smtplib.SMTPException):  # what was accepted stays accepted
                server.putcmd("quit")  # its answer is not worth waiting for


def mailer(url: str, timeout_s: float) -> Mailer:
    """A mail server for `SMTP_URL`."""
    return NullMailer() if url == NULL_URL else SmtpMailer(url, timeout_s)


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


def _about_us(error: smtplib.SMTPResponseException) -> NotSent:
    """Whatever it says to our greeting, our login or our sender: the next recipient would fare no better."""
    return NotSent(_words(error.smtp_code, error.smtp_error), refuses_us=not _passes(error.smtp_code))


def _judge(code: int, text: bytes | str) -> SendAnswer:
    if code == NO_LOGIN:
        return NotSent(_words(code, text), refuses_us=True)
    return NotSent(_words(code, text)) if _passes(code) else Rejected(_words(code, text))


def _passes(code: int) -> bool:
    return code in PASSING or code < 0


def _words(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {words}"[:300].replace("\0", "")  # PostgreSQL takes no NUL
