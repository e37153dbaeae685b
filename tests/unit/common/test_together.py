"""What is published together leaves in one piece, and nothing of it is lost when the block ends early."""

from types import SimpleNamespace

import pika
import pytest

from common.confirms import Message
from common.connection import Connection


class _Wire:
    """Takes what a connection's transport would take."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.pieces.append(data)


@pytest.fixture
def wire() -> _Wire:
    return _Wire()


@pytest.fixture
def connection(wire: _Wire) -> Connection:
    """A connection that was opened, without a server: its transport is ours."""
    connection = Connection.__new__(Connection)
    connection._transport = wire  # noqa: SLF001 - pika opens one only to a server
    return connection


def test_what_is_written_together_is_one_piece_in_its_order(connection: Connection, wire: _Wire) -> None:
    with connection.together():
        for frame in (b"method", b"header", b"body"):
            connection._adapter_emit_data(frame)  # noqa: SLF001 - as pika calls it for every frame
        assert not wire.pieces
    assert wire.pieces == [b"methodheaderbody"]


def test_nothing_written_is_no_piece(connection: Connection, wire: _Wire) -> None:
    with connection.together():
        pass
    assert not wire.pieces  # pika's transport takes no empty data


def test_a_block_that_ends_early_keeps_nothing_back(connection: Connection, wire: _Wire) -> None:
    with pytest.raises(ZeroDivisionError):
        _half_of(connection)
    connection._adapter_emit_data(b"second")  # noqa: SLF001 - as pika calls it for every frame
    assert wire.pieces == [b"first", b"second"]


def _half_of(connection: Connection) -> float:
    with connection.together():
        connection._adapter_emit_data(b"first")  # noqa: SLF001 - as pika calls it for every frame
        return 1 / 0


@pytest.mark.parametrize("headers", [None, {"x-reason": "why"}], ids=["plain", "with headers"])
def test_a_message_is_written_as_pika_writes_it(
    connection: Connection, wire: _Wire, headers: dict[str, str] | None
) -> None:
    connection.bytes_sent = connection.frames_sent = 0
    connection._body_max_length = 50  # noqa: SLF001 - as tuned with a server: the body takes several frames
    message = Message("upscale.done", b"x" * 120, headers=headers)
    connection.publish(SimpleNamespace(channel_number=7), message, 1234567)
    ours, wire.pieces = b"".join(wire.pieces), []
    properties = pika.BasicProperties(
        "application/cloudevents+json", headers=headers, delivery_mode=2, message_id="1234567"
    )
    method = pika.spec.Basic.Publish(exchange="enlarger", routing_key="upscale.done", mandatory=True)
    connection._send_message(7, method, (properties, message.body))  # noqa: SLF001 - behind its basic_publish
    assert ours == b"".join(wire.pieces)
