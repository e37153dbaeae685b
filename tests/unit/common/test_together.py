"""What is published together leaves in one piece, and nothing of it is lost when the block ends early."""

import pytest

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
