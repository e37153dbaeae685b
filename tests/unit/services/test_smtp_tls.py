"""Mail goes out encrypted wherever the server can, and to nobody whose certificate is not the server's."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, Session

from local.ports import free_port
from services.notifier.smtp import NotSent, Sent, SmtpMailer
from tests.unit.builders import a_mail

TIMEOUT_S = 15.0
LOGIN = ("shop@example.com", "a:pass/word")


@dataclass
class Taken:
    """What the server has got: each mail's text, and whether it came encrypted; every login that was tried. It waits
    `pause_s` before its answers about a mail.
    """

    pause_s: float = 0.0
    mails: list[tuple[str, bool]] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)

    async def handle_MAIL(  # noqa: N802
        self, _server: Any, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        await asyncio.sleep(self.pause_s)
        envelope.mail_from = address
        return "250 well"

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        await asyncio.sleep(self.pause_s)
        envelope.rcpt_tos.append(address)
        return "250 well"

    async def handle_DATA(self, server: Any, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        await asyncio.sleep(self.pause_s)
        content = envelope.content
        encrypted = server.transport.get_extra_info("ssl_object") is not None
        self.mails.append((content.decode() if isinstance(content, bytes) else str(content), encrypted))
        return "250 taken in"

    def log_in(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=self.logins[-1] == LOGIN, handled=False)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """The one authority that is trusted here."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return authority


def shown(authority: trustme.CA, host: str = "localhost") -> ssl.SSLContext:
    """What a server needs that shows a certificate for this host."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    return context


@contextmanager
def serving(taken: Taken, **how: Any) -> Iterator[int]:
    port = free_port()
    server = Controller(taken, "127.0.0.1", port, authenticator=taken.log_in, **how)
    server.start()
    try:
        yield port
    finally:
        server.stop()


def mailer(port: int, scheme: str = "smtp", timeout_s: float = TIMEOUT_S) -> SmtpMailer:
    return SmtpMailer(f"{scheme}://shop%40example.com:a%3Apass%2Fword@localhost:{port}", timeout_s)


def test_starttls_is_taken_where_it_is_offered_and_the_login_goes_through_it(authority: trustme.CA) -> None:
    taken = Taken()
    with serving(taken, tls_context=shown(authority), require_starttls=True, auth_require_tls=True) as port:
        answer = mailer(port).send(a_mail)

    assert answer == Sent()
    assert taken.logins == [LOGIN]
    [(text, encrypted)] = taken.mails
    assert "Your picture is ready." in text
    assert encrypted


def test_smtps_is_encrypted_from_the_first_byte(authority: trustme.CA) -> None:
    taken = Taken()
    with serving(taken, ssl_context=shown(authority), auth_require_tls=False) as port:
        answer = mailer(port, "smtps").send(a_mail)

    assert answer == Sent()
    assert taken.logins == [LOGIN]
    assert [encrypted for _, encrypted in taken.mails] == [True]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
@pytest.mark.parametrize("whose", ["another host's", "a stranger's"])
def test_a_server_that_is_not_the_one_named_gets_neither_login_nor_mail(
    authority: trustme.CA, scheme: str, whose: str
) -> None:
    wrong = shown(authority, "elsewhere.example") if whose == "another host's" else shown(trustme.CA())
    how = {"tls_context": wrong, "require_starttls": True} if scheme == "smtp" else {"ssl_context": wrong}
    taken = Taken()
    with serving(taken, **how) as port:
        answer = mailer(port, scheme).send(a_mail)

    assert isinstance(answer, NotSent)
    assert "certificate verify failed" in answer.why
    assert not answer.maybe
    assert (taken.logins, taken.mails) == ([], [])


def test_a_login_that_is_refused_costs_nobody_a_mail(authority: trustme.CA) -> None:
    taken = Taken()
    with serving(taken, tls_context=shown(authority), require_starttls=True) as port:
        answer = SmtpMailer(f"smtp://shop%40example.com:wrong@localhost:{port}", TIMEOUT_S).send(a_mail)

    assert isinstance(answer, NotSent)
    assert answer.refuses_us
    assert answer.why.startswith("535")
    assert taken.mails == []


def test_the_deadline_holds_through_tls(authority: trustme.CA) -> None:
    taken = Taken(pause_s=1.0)
    with serving(taken, tls_context=shown(authority), require_starttls=True) as port:
        answer = mailer(port, timeout_s=1.4).send(a_mail)  # three pauses are longer than the whole may be, one is not

    assert isinstance(answer, NotSent)
    assert taken.mails == []
