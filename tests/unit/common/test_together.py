"""What is published together leaves in one piece and at once, and nothing of it is lost, whatever the socket takes."""

import pika
import pytest

from common.confirms import Message
from common.connection import Connection


class _Wire:
    """A connection's transport and its socket, which takes `takes` bytes at once (None: it is broken)."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []  # that the socket took
        self.waiting: list[bytes] = []  # until pika finds it writable
        self.takes: int | None = 10_000
        self._sock = self
        self._state = self._STATE_ACTIVE = 1

    def send(self, data: bytes) -> int:
        if self.takes is None:
            raise ConnectionResetError
        if not self.takes:
            raise BlockingIOError
        self.pieces.append(data[: self.takes])
        return len(self.pieces[-1])

    def get_write_buffer_size(self) -> int:
        return sum(map(len, self.waiting))

    def write(self, data: bytes) -> None:
        assert data, "pika's transport takes no empty data"
        self.waiting.append(data)


@pytest.fixture
def wire() -> _Wire:
    return _Wire()


@pytest.fixture
def connection(wire: _Wire) -> Connection:
    """A connection that was opened, without a server: its transport is ours."""
    connection = Connection.__new__(Connection)
    connection._transport = wire  # noqa: SLF001 - pika opens one only to a server
    connection._pieces = None  # noqa: SLF001 - as it begins
    return connection


def test_what_is_written_together_is_one_piece_in_its_order(connection: Connection, wire: _Wire) -> None:
    with connection.together():
        for frame in (b"method", b"header", b"body"):
            connection._adapter_emit_data(frame)  # noqa: SLF001 - as pika calls it for every frame
        assert not wire.pieces
    assert wire.pieces == [b"methodheaderbody"]
    assert not wire.waiting


def test_nothing_written_is_no_piece(connection: Connection, wire: _Wire) -> None:
    with connection.together():
        pass
    assert not wire.pieces


@pytest.mark.parametrize(("takes", "left"), [(6, b"headerbody"), (0, b"methodheaderbody"), (None, b"methodheaderbody")])
def test_what_the_socket_does_not_take_is_left_to_pika(
    connection: Connection, wire: _Wire, takes: int | None, left: bytes
) -> None:
    wire.takes = takes
    with connection.together():
        for frame in (b"method", b"header", b"body"):
            connection._adapter_emit_data(frame)  # noqa: SLF001 - as pika calls it for every frame
    assert wire.waiting == [left]


def test_nothing_overtakes_what_waits(connection: Connection, wire: _Wire) -> None:
    wire.takes = 2
    connection._adapter_emit_data(b"first")  # noqa: SLF001 - as pika calls it for every frame
    wire.takes = 10_000
    connection._adapter_emit_data(b"second")  # noqa: SLF001 - as pika calls it for every frame
    assert (wire.pieces, wire.waiting) == ([b"fi"], [b"rst", b"second"])


def test_nothing_is_sent_on_a_connection_that_is_given_up(connection: Connection, wire: _Wire) -> None:
    wire._state = 2  # noqa: SLF001 - as pika's transport has one
    connection._adapter_emit_data(b"late")  # noqa: SLF001 - as pika calls it for every frame
    assert (wire.pieces, wire.waiting) == ([], [b"late"])


def test_a_block_that_ends_early_keeps_nothing_back(connection: Connection, wire: _Wire) -> None:
    with pytest.raises(ZeroDivisionError):
        _half_of(connection)
    connection._adapter_emit_data(b"second")  # noqa: SLF001 - as pika calls it for every frame
    assert wire.pieces == [b"first", b"second"]


def _half_of(connection: Connection) -> float:
    with connection.together():
        connection._adapter_emit_data(b"first")  # noqa: SLF001 - as pika calls it for every frame
        return 1 / 0


class _Channel:
    """An open channel as pika's, which writes a message the long way."""

    channel_number = 7

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def basic_publish(
        self, exchange: str, routing_key: str, body: bytes, properties: pika.BasicProperties, *, mandatory: bool
    ) -> None:
        method = pika.spec.Basic.Publish(exchange=exchange, routing_key=routing_key, mandatory=mandatory)
        self._connection._send_message(7, method, (properties, body))  # noqa: SLF001 - behind pika's own


@pytest.mark.parametrize("headers", [None, {"x-reason": "why"}], ids=["plain", "with headers"])
@pytest.mark.parametrize("size", [0, 1, 50, 120], ids=["empty", "a byte", "one frame", "several frames"])
def test_a_message_is_written_as_pika_writes_it(
    connection: Connection, wire: _Wire, headers: dict[str, str] | None, size: int
) -> None:
    connection.bytes_sent = connection.frames_sent = 0
    connection._body_max_length = 50  # noqa: SLF001 - as tuned with a server
    message = Message("upscale.done", b"x" * size, headers=headers)
    connection.publish(_Channel(connection), message, 1234567)
    ours, wire.pieces = b"".join(wire.pieces), []
    properties = pika.BasicProperties(
        "application/cloudevents+json", headers=headers, delivery_mode=2, message_id="1234567"
    )
    _Channel(connection).basic_publish("enlarger", "upscale.done", message.body, properties, mandatory=True)
    assert ours == b"".join(wire.pieces)
