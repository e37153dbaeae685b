"""Every fault of the inbox bites, and its ledger knows which replies were sent."""

import smtplib
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.integration.sandbox.standin import StandIn, free_port, running

Ports = tuple[int, int]


@pytest.fixture(scope="module")
def ports() -> Ports:
    return free_port(), free_port()


@pytest.fixture(scope="module")
def inbox(ports: Ports) -> Iterator[StandIn]:
    smtp, page = ports
    settings = {"SANDBOX_SMTP_PORT": str(smtp), "SANDBOX_INBOX_PORT": str(page)}
    with running("sandbox.inbox", page, settings) as stand_in:
        yield stand_in


@pytest.fixture(autouse=True)
def _clean(inbox: StandIn) -> Iterator[None]:
    requests.delete(f"{inbox.url}/api/mails", timeout=10)
    yield
    inbox.disarm()


@pytest.fixture
def sender(inbox: StandIn, ports: Ports) -> Iterator[smtplib.SMTP]:
    assert inbox.process.poll() is None
    client = smtplib.SMTP("127.0.0.1", ports[0], timeout=10)
    yield client
    client.close()


def send(sender: smtplib.SMTP, to: str) -> None:
    sender.sendmail("shop@example.org", [to], f"Message-ID: <{to}>\r\nSubject: for {to}\r\n\r\nHello")


def attempts(inbox: StandIn, to: str) -> list[dict[str, Any]]:
    return [line for line in inbox.get("/sandbox/ledger")["attempts"] if to in line["to"]]


def test_a_mail_taken_in_stands_in_the_ledger_with_its_250(inbox: StandIn, sender: smtplib.SMTP) -> None:
    send(sender, "ok@example.org")
    (line,) = attempts(inbox, "ok@example.org")
    assert (line["accepted"], line["reply_sent"], line["reply"][:3]) == (True, True, "250")
    assert (line["message_id"], line["subject"]) == ("<ok@example.org>", "for ok@example.org")
    assert line["reply_read"] is False
    sender.quit()
    (line,) = attempts(inbox, "ok@example.org")
    assert line["reply_read"] is True
    assert line["mail_id"] == inbox.get("/api/mails")[0]["id"]


def test_a_mail_is_taken_in_although_its_250_is_lost(inbox: StandIn, sender: smtplib.SMTP) -> None:
    inbox.arm("drop_before_250")
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(sender, "drop@example.org")
    (line,) = attempts(inbox, "drop@example.org")
    assert (line["accepted"], line["reply_sent"], line["reply"]) == (True, False, "")
    assert [mail["to"] for mail in inbox.get("/api/mails")] == [["drop@example.org"]]


def test_a_mail_may_be_refused_for_now(inbox: StandIn, sender: smtplib.SMTP) -> None:
    inbox.arm("tempfail", match="Subject: for later@example.org")
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(sender, "later@example.org")
    send(sender, "later@example.org")
    first, second = attempts(inbox, "later@example.org")
    assert refused.value.smtp_code == 451
    assert (first["accepted"], first["reply_sent"], first["fault"]) == (False, True, "tempfail")
    assert (second["accepted"], len(inbox.get("/api/mails"))) == (True, 1)


def test_one_recipient_may_be_refused_for_good(inbox: StandIn, sender: smtplib.SMTP) -> None:
    inbox.arm("reject", match="bad@example.org", count=0)
    refused = sender.sendmail("shop@example.org", ["bad@example.org", "good@example.org"], "Subject: x\r\n\r\nx")
    assert [code for code, _ in refused.values()] == [550]
    assert inbox.get("/api/mails")[0]["to"] == ["good@example.org"]
    assert [line["accepted"] for line in attempts(inbox, "bad@example.org")] == [False]
    assert [line["accepted"] for line in attempts(inbox, "good@example.org")] == [True]


def test_the_server_may_close_the_connection_in_the_middle(inbox: StandIn, sender: smtplib.SMTP) -> None:
    inbox.arm("close_421")
    with pytest.raises((smtplib.SMTPRecipientsRefused, smtplib.SMTPServerDisconnected)):
        send(sender, "closed@example.org")
    (line,) = attempts(inbox, "closed@example.org")
    assert (line["accepted"], line["reply"][:3], line["reply_sent"]) == (False, "421", True)
    with pytest.raises((smtplib.SMTPServerDisconnected, OSError)):
        sender.noop()


def test_a_slow_250_comes_to_whoever_waits(inbox: StandIn, sender: smtplib.SMTP) -> None:
    inbox.arm("slow", seconds=0.6)
    started = time.monotonic()
    send(sender, "slow@example.org")
    assert time.monotonic() - started >= 0.6
    assert attempts(inbox, "slow@example.org")[0]["reply_sent"] is True


def test_a_slow_250_is_never_sent_to_whoever_left(inbox: StandIn, sender: smtplib.SMTP, ports: Ports) -> None:
    inbox.arm("slow", seconds=0.8, count=2)
    impatient = smtplib.SMTP("127.0.0.1", ports[0], timeout=0.3)
    with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
        send(impatient, "left@example.org")
    send(sender, "after@example.org")  # and by now the first one's time is over, too
    (line,) = attempts(inbox, "left@example.org")
    assert (line["accepted"], line["reply_sent"]) == (True, False)


def test_what_the_protocol_itself_refuses_stands_in_the_ledger_too(inbox: StandIn, sender: smtplib.SMTP) -> None:
    sender.ehlo()
    sender.mail("shop@example.org")
    sender.rcpt("long@example.org")
    code, _ = sender.data(b"Subject: x\r\n\r\n" + b"x" * 5_000)
    (line,) = attempts(inbox, "long@example.org")
    assert (code, line["accepted"], line["reply"][:3], line["reply_sent"]) == (500, False, "500", True)


def test_the_ledger_outlives_the_mails(inbox: StandIn, sender: smtplib.SMTP) -> None:
    send(sender, "kept@example.org")
    requests.delete(f"{inbox.url}/api/mails", timeout=10)
    assert len(attempts(inbox, "kept@example.org")) == 1


def test_the_inbox_leaves_on_sigterm_with_a_sender_connected() -> None:
    smtp, page = free_port(), free_port()
    settings = {"SANDBOX_SMTP_PORT": str(smtp), "SANDBOX_INBOX_PORT": str(page)}
    with running("sandbox.inbox", page, settings) as stand_in, smtplib.SMTP("127.0.0.1", smtp, timeout=10) as client:
        client.ehlo()
        assert stand_in.stop() == 0
        client.close()
