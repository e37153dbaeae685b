"""The first two frames of AMQP 0-9-1: enough to see that a broker answers, and which version it reports."""

import socket
import time

_HEADER = b"AMQP\x00\x00\x09\x01"
_VERSION = b"\x07versionS"
_FRAME_START = 7
_TIMEOUT_S = 2.0


def reported_version(host: str, port: int) -> str:
    """The version in the broker's Connection.Start, "" while it does not answer.

    https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf, 4.2.3 (frames) and 1.4.2.1 (connection.start).
    """
    try:
        with socket.create_connection((host, port), timeout=_TIMEOUT_S) as connection:
            connection.sendall(_HEADER)
            start = _read_frame(connection)
    except OSError:
        return ""
    _, found, rest = start.partition(_VERSION)
    length = int.from_bytes(rest[:4], "big")
    return rest[4 : 4 + length].decode() if found else ""


def _read_frame(connection: socket.socket) -> bytes:
    head = _read(connection, _FRAME_START)
    return _read(connection, int.from_bytes(head[3:7], "big"))


def _read(connection: socket.socket, count: int) -> bytes:
    deadline = time.monotonic() + _TIMEOUT_S
    received = b""
    while len(received) < count and time.monotonic() < deadline:
        piece = connection.recv(count - len(received))
        if not piece:
            break
        received += piece
    return received
