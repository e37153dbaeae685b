"""What a mail server says, and how long it takes: no mail outlasts its claim or is lost by our own fault."""

import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from services.notifier.smtp import NotSent, Rejected, SendAnswer, Sent, SmtpMailer
from tests.unit.builders import a_mail

TIMEOUT_S, LONG_S = 1.5, 15.0
NONE: Mapping[str, Any] = {}
PATIENT = 0.7 * TIMEOUT_S  # each answer comes in time; three of them take longer than a mail may


class Server(socketserver.ThreadingTCPServer):
    """Speaks enough SMTP to take mail in; it waits `pauses[command]` seconds before it answers that, and answers with
    `replies[command]`, if that is given.
    """

    def __init__(self, pauses: Mapping[str, float], replies: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.pauses, self.replies = pauses, replies
        self.leaving = threading.Event()
        self.taken: list[bytes] = []
        self.said: list[str] = []


class Session(socketserver.StreamRequestHandler):
    """One connection."""

    server: Server

    def handle(self) -> None:
        try:
            self._answer("banner", "220 here")
            while line := self.rfile.readline():
                self._take(line.decode().strip().partition(" ")[0].lower())
        except OSError:  # the sender has hung up
            return

    def _take(self, command: str) -> None:
        self.server.said.append(command)
        match command:
            case "ehlo":
                self._answer(command, "250 here")
            case "data":
                self._answer(command, "354 go on")
                mail = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.server.taken.append(mail)
                self._answer("dot", "250 taken in")
            case _:
                self._answer(command, "250 well")

    def _answer(self, command: str, reply: str) -> None:
        self.server.leaving.wait(self.server.pauses.get(command, 0))
        self.wfile.write(self.server.replies.get(command, reply).encode() + b"\r\n")


@contextmanager
def serving(pauses: Mapping[str, float] = NONE, replies: Mapping[str, str] = NONE) -> Iterator[Server]:
    with Server(pauses, replies) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.leaving.set()
            server.shutdown()
            thread.join()


def mailer(server: Server, timeout_s: float = LONG_S) -> SmtpMailer:
    return SmtpMailer(f"smtp://127.0.0.1:{server.server_address[1]}", timeout_s)


def test_a_mail_is_taken_in_and_the_server_told_goodbye() -> None:
    with serving() as server:
        assert mailer(server).send(a_mail) == Sent()

    assert b"Your picture is ready." in server.taken[0]
    assert server.said == ["ehlo", "mail", "rcpt", "data", "quit"]


SAID: dict[str, tuple[str, str, SendAnswer]] = {
    "an unknown recipient": ("rcpt", "550 5.1.1 nobody here", Rejected("550 5.1.1 nobody here")),
    "a full mailbox": ("rcpt", "452 4.2.2 full", NotSent("452 4.2.2 full")),
    "a mail it does not like": ("dot", "554 5.7.1 this is spam", Rejected("554 5.7.1 this is spam")),
    "a passing trouble": ("dot", "451 4.3.0 later", NotSent("451 4.3.0 later")),
    "a sender that it does not know": ("mail", "553 not yours", NotSent("553 not yours", refuses_us=True)),
    "a sender in a hurry": ("mail", "450 slowly", NotSent("450 slowly")),
    "a recipient only for those who log in": (
        "rcpt",
        "530 5.7.57 log in first",
        NotSent("530 5.7.57 log in first", refuses_us=True),
    ),
    "no word with us": ("banner", "554 you are on a list", NotSent("554 you are on a list", refuses_us=True)),
    "a busy server": ("banner", "421 come back later", NotSent("421 come back later")),
}


@pytest.mark.parametrize(("command", "reply", "expected"), SAID.values(), ids=SAID.keys())
def test_a_mail_is_given_up_only_for_its_recipient_or_for_what_it_says(
    command: str, reply: str, expected: SendAnswer
) -> None:
    with serving(replies={command: reply}) as server:
        assert mailer(server).send(a_mail) == expected


GREETED: dict[str, tuple[str, str, SendAnswer]] = {
    "a sender that it does not know": ("mail", "553 not yours", NotSent("553 not yours", refuses_us=True)),
    "a passing trouble": ("mail", "451 later", NotSent("451 later")),
    "no word with us": ("banner", "554 you are on a list", NotSent("554 you are on a list", refuses_us=True)),
    "all is well": ("none", "", Sent()),
}


@pytest.mark.parametrize(("command", "reply", "expected"), GREETED.values(), ids=GREETED.keys())
def test_a_greeting_finds_what_a_mail_would_and_sends_none(command: str, reply: str, expected: SendAnswer) -> None:
    with serving(replies={command: reply}) as server:
        assert mailer(server).greet("shop@example.com") == expected

    assert server.taken == []
    assert "rcpt" not in server.said


def test_no_mail_is_handed_over_after_its_deadline() -> None:
    patient = {"banner": PATIENT, "ehlo": PATIENT, "mail": PATIENT, "rcpt": PATIENT, "data": PATIENT}
    with serving(patient) as server:
        answer = mailer(server, TIMEOUT_S).send(a_mail)

    assert isinstance(answer, NotSent)  # for which of the two reasons is for the machine to say
    assert server.taken == []


@pytest.mark.parametrize("command", ["banner", "ehlo", "dot"])
def test_one_answer_may_take_no_longer_than_its_time_out(command: str) -> None:
    with serving({command: 60.0}) as server:
        answer = mailer(server, TIMEOUT_S).send(a_mail)

    assert isinstance(answer, NotSent)
    assert answer.maybe or not server.taken
    assert not (answer.maybe and command != "dot")
