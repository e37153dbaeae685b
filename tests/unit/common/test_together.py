"""What is published together leaves in one piece and at once, and nothing of it is lost, whatever the socket takes."""

import threading
from collections.abc import Callable

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


class _Loop:
    """Pika's loop: what others ask it to call, until it is run."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[[], None]] = []
        self.add_callback_threadsafe = self.callbacks.append

    def get_native_ioloop(self) -> "_Loop":
        return self

    def run(self) -> None:
        while self.callbacks:
            self.callbacks.pop(0)()


@pytest.fixture
def loop() -> _Loop:
    return _Loop()


@pytest.fixture
def connection(wire: _Wire, loop: _Loop) -> Connection:
    """A connection that was opened, without a server: its transport is ours."""
    connection = Connection.__new__(Connection)
    connection._transport, connection._nbio = wire, loop  # noqa: SLF001 - pika opens one only to a server
    connection._turn, connection._home = threading.RLock(), threading.get_ident()  # noqa: SLF001 - as it begins
    connection._pieces, connection._behind, connection._line = None, [], None  # noqa: SLF001 - as it begins
    return connection


def _in_another_thread(work: Callable[[], None]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


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


def test_another_thread_sends_at_once_and_leaves_to_pikas_what_the_socket_does_not_take(
    connection: Connection, wire: _Wire, loop: _Loop
) -> None:
    wire.takes = 2
    _in_another_thread(lambda: connection._adapter_emit_data(b"first"))  # noqa: SLF001 - as pika calls it
    assert (wire.pieces, wire.waiting) == ([b"fi"], [])  # pika's transport is nothing for other threads
    loop.run()
    assert wire.waiting == [b"rst"]


def test_nothing_overtakes_what_another_thread_left(connection: Connection, wire: _Wire, loop: _Loop) -> None:
    wire.takes = 2
    _in_another_thread(lambda: connection._adapter_emit_data(b"first"))  # noqa: SLF001 - as pika calls it
    wire.takes = 10_000
    _in_another_thread(lambda: connection._adapter_emit_data(b"second"))  # noqa: SLF001 - as pika calls it
    connection._adapter_emit_data(b"third")  # noqa: SLF001 - as pika calls it
    loop.run()
    assert (wire.pieces, b"".join(wire.waiting)) == ([b"fi"], b"rstsecondthird")


def test_what_another_thread_left_goes_with_its_connection(connection: Connection, wire: _Wire, loop: _Loop) -> None:
    wire.takes = 0
    _in_another_thread(lambda: connection._adapter_emit_data(b"first"))  # noqa: SLF001 - as pika calls it
    connection._transport = None  # noqa: SLF001 - as when pika has lost it
    loop.run()
    _in_another_thread(lambda: connection._adapter_emit_data(b"second"))  # noqa: SLF001 - as pika calls it
    loop.run()
    assert not wire.pieces
    assert not wire.waiting


def test_what_is_written_together_is_not_parted_by_another_threads(connection: Connection, wire: _Wire) -> None:
    thread = threading.Thread(target=lambda: connection._adapter_emit_data(b"heartbeat"))  # noqa: SLF001 - as pika calls it
    with connection.together():
        connection._adapter_emit_data(b"method")  # noqa: SLF001 - as pika calls it
        thread.start()
        thread.join(0.2)  # it waits until the block is over
        connection._adapter_emit_data(b"body")  # noqa: SLF001 - as pika calls it
    thread.join()
    assert wire.pieces == [b"methodbody", b"heartbeat"]


@pytest.mark.usefixtures("restless")
def test_what_threads_send_at_once_is_not_mixed(connection: Connection, wire: _Wire, loop: _Loop) -> None:
    wire.takes = 70  # of pieces of 100 bytes: the rest of each waits for the loop

    def send(mark: bytes) -> None:
        for _ in range(200):
            with connection.together():
                for _ in range(10):
                    connection._adapter_emit_data(mark * 10)  # noqa: SLF001 - as pika calls it

    threads = [threading.Thread(target=send, args=[bytes([65 + number])]) for number in range(4)]
    for thread in threads:
        thread.start()
    sent = b""
    while any(thread.is_alive() for thread in threads) or loop.callbacks:
        connection._adapter_emit_data(b"heartbeat.")  # noqa: SLF001 - as pika calls it
        loop.run()
        with connection._turn:  # noqa: SLF001 - as pika's loop finds the socket writable
            sent += b"".join(wire.pieces + wire.waiting)
            wire.pieces, wire.waiting = [], []
    for mark in b"ABCD":
        assert sent.count(bytes([mark]) * 100) == 200
        sent = sent.replace(bytes([mark]) * 100, b"")
    assert not sent.replace(b"heartbeat.", b"")


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
