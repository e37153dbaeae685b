"""Rows, settings and a scripted web server for unit tests: what lanes decide from, held small in one place."""

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from email.message import EmailMessage
from typing import Any, TypeVar
from uuid import UUID

from common.attempts import Attempt
from common.jobs import Job
from common.settings import CommonSettings
from common.stages import Plan, Stage, Status, plans

JOB = UUID("018f0000-0000-7000-8000-000000000001")
KEY = "k" * 32
SettingsT = TypeVar("SettingsT", bound=CommonSettings)
NEEDED: dict[str, Any] = {
    "_env_file": None,
    "database_url": "postgresql://nobody@localhost/none",
    "amqp_url": "amqp://nobody@localhost/none",
    "secret_key": KEY,
    "public_url": "https://pictures.example.com",
    "upsampler_url": "http://127.0.0.1:9",
    "upsampler_api_key": "key",
    "storage_url": "memory:",
    "stripe_api_key": "sk_test_none",
    "smtp_url": "null:",
    "mail_from": "orders@example.com",
    "support_email": "help@example.com",
    "admin_email": "admin@example.com",
}


def settings(cls: type[SettingsT], **changes: Any) -> SettingsT:
    return cls(**(NEEDED | changes))


def the_plans(**changes: Any) -> dict[Stage, Plan]:
    return dict(plans(settings(CommonSettings, **changes)))


def a_job(stage: Stage = Stage.SUBMIT, status: Status = Status.PENDING, **changes: Any) -> Job:
    row: dict[str, Any] = {
        "job_id": JOB, "status": status, "stage": stage, "version": 3, "tries": 0, "wakes": 0, "attempt": 0,
        "attempts_base": 0, "held": False, "overdue": False, "charged_cents": 192, "refunded_cents": 0,
        "payment_intent": "pi_1", "currency": "usd", "failure_reason": None, "source_kind": "catalogue",
        "source_url": "https://shop.example/fox.jpg", "source_width": 400, "source_height": 300, "factor": 4,
        "credits": 16, "email": "kim@example.com", "ticket": "tk_abcdefgh12345678", "traceparent": None,
    }  # fmt: skip
    return Job(**(row | changes))


def an_attempt(state: str = "open", **changes: Any) -> Attempt:
    row: dict[str, Any] = {
        "job_id": JOB, "attempt": 1, "state": state, "claim_no": 1, "claim_over": False, "hinted": False,
        "ended": state in {"succeeded", "failed"}, "age_s": 10.0, "result_dead": False,
        "provider_id": None if state in {"claimed", "waiting", "unknown"} else "up_1",
        "result_url": "https://cdn.example/1.png" if state == "succeeded" else None,
    }  # fmt: skip
    return Attempt(**(row | changes))


def a_mail() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Message-ID"] = "shop@example.com", "mia@example.org", "<ready.1@shop>"
    message.set_content("Your picture is ready.")
    return message


Script = Callable[[], Iterable[bytes | float]]


class Site:
    """A real server on loopback: each connection gets the script's bytes; a number is that many seconds of silence."""

    def __init__(self, script: Script, host: str = "127.0.0.1") -> None:
        self.script = script
        self.requests: list[bytes] = []
        self.connections = 0
        self._closed = threading.Event()
        self._listener = socket.create_server((host, 0))
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://{host}:{self.port}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closed
            self.connections += 1
            threading.Thread(target=self._answer, args=[connection], daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):  # the client has gone: the script is over
            self.requests.append(_request(connection))
            for piece in self.script():
                if isinstance(piece, bytes):
                    connection.sendall(piece)
                elif self._closed.wait(piece):
                    return

    def close(self) -> None:
        self._closed.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


def _request(connection: socket.socket) -> bytes:
    """All of it, as its Content-Length says: head and body may come in pieces."""
    whole = b""
    while piece := connection.recv(65536):
        whole += piece
        head, ended, body = whole.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\nContent-Length: *(\d+)", head)
        if ended and len(body) >= int(length[1] if length else 0):
            break
    return whole


@contextlib.contextmanager
def site(*pieces: bytes | float, script: Script | None = None, host: str = "127.0.0.1") -> Iterator[Site]:
    server = Site(script or (lambda: pieces), host)
    try:
        yield server
    finally:
        server.close()


def answer(body: bytes, *headers: str, status: str = "200 OK", length: bool = True) -> bytes:
    """A whole HTTP answer; `length`: with the true Content-Length."""
    lines = [f"HTTP/1.1 {status}", *headers, "Connection: close"]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
