"""The mail's deadline: no answer of a slow server makes a mail outlast its claim, whatever each single answer takes."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage

import pytest

from services.notifier.smtp import TOO_SLOW, NotSent, Sent, SmtpMailer

TIMEOUT_S = 0.5
PATIENT = 0.8 * TIMEOUT_S  # each answer comes in time; six of them take longer than a mail may


class Server(socketserver.ThreadingTCPServer):
    """Speaks enough SMTP to take mail in; it waits `pauses[command]` seconds before it answers that."""

    def __init__(self, pauses: dict[str, float]) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.pauses = pauses
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
        self.wfile.write(reply.encode() + b"\r\n")


@contextmanager
def serving(**pauses: float) -> Iterator[Server]:
    with Server(pauses) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.leaving.set()
            server.shutdown()
            thread.join()


def a_mail() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Message-ID"] = "shop@example.com", "mia@example.org", "<ready.1@shop>"
    message.set_content("Your picture is ready.")
    return message


def mailer(server: Server) -> SmtpMailer:
    return SmtpMailer(f"smtp://127.0.0.1:{server.server_address[1]}", TIMEOUT_S)


def test_a_mail_is_taken_in_and_the_server_told_goodbye() -> None:
    with serving() as server:
        assert mailer(server).send(a_mail) == Sent()

    assert b"Your picture is ready." in server.taken[0]
    assert server.said == ["ehlo", "mail", "rcpt", "data", "quit"]


def test_no_mail_is_handed_over_after_its_deadline() -> None:
    patient = {"banner": PATIENT, "ehlo": PATIENT, "mail": PATIENT, "rcpt": PATIENT, "data": PATIENT}
    with serving(**patient) as server:
        answer = mailer(server).send(a_mail)

    assert answer == NotSent(TOO_SLOW, maybe=True)
    assert server.taken == []


def test_a_mail_whose_answer_comes_after_the_deadline_may_have_been_taken_in() -> None:
    with serving(banner=PATIENT, ehlo=PATIENT, dot=PATIENT) as server:
        answer = mailer(server).send(a_mail)

    assert answer == NotSent(TOO_SLOW, maybe=True)
    assert len(server.taken) == 1


@pytest.mark.parametrize("command", ["banner", "ehlo", "dot"])
def test_one_answer_may_take_no_longer_than_its_time_out(command: str) -> None:
    with serving(**{command: 60.0}) as server:
        answer = mailer(server).send(a_mail)

    assert answer == NotSent("Connection unexpectedly closed: timed out", maybe=command == "dot")
