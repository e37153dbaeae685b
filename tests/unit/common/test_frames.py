"""What is read and written past pika's objects is what pika would have read and written, however it is cut."""

from typing import Any

import pika
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika import frame, spec

from common import frames
from common.connection import Connection

CHANNEL, CONSUMER = 3, "ctag3.0f"
Heard = list[tuple[object, ...]]


def _delivery(tag: int, body: bytes, consumer: str = CONSUMER, *, redelivered: bool = False, most: int = 50) -> bytes:
    """As RabbitMQ writes it, with at most so many bytes of the body in a frame."""
    method = spec.Basic.Deliver(consumer, tag, redelivered, "enlarger", "upscale.done")
    properties = pika.BasicProperties("application/json", headers={"x-delivery-count": 3}, message_id="a")
    parts = [frame.Body(CHANNEL, body[at : at + most]) for at in range(0, len(body), most)]
    whole = [frame.Method(CHANNEL, method), frame.Header(CHANNEL, len(body), properties), *parts]
    return b"".join(part.marshal() for part in whole)


def _confirm(tag: int, *, multiple: bool, method: type = spec.Basic.Ack) -> bytes:
    return _method(method(tag, multiple))


def _method(method: Any, channel: int = CHANNEL) -> bytes:
    written: bytes = frame.Method(channel, method).marshal()
    return written


class _Heard:
    """A connection without a server, and what it heard: `slow` is what pika was given, by the name of its frame."""

    def __init__(self, *, swift: bool = True) -> None:
        self.slow: list[str] = []
        self.swift: Heard = []
        self.connection = Connection.__new__(Connection)
        self.connection._frame_buffer = b""  # noqa: SLF001 - as pika begins
        self.connection.bytes_received = 0
        self.connection._process_frame = self._pika  # noqa: SLF001 - behind it are pika's channels
        self.connection._takes = {CONSUMER.encode(): self._taken} if swift else {}  # noqa: SLF001 - as after consuming
        self.connection._told = {CHANNEL: self._told} if swift else {}  # noqa: SLF001 - as after confirming

    def read(self, data: bytes, pieces: int = 0) -> None:
        for at in range(0, len(data), pieces or len(data)):
            self.connection._on_data_available(data[at : at + (pieces or len(data))])  # noqa: SLF001 - as pika calls it

    def _pika(self, value: frame.Frame) -> None:
        self.slow.append(value.method.NAME if isinstance(value, frame.Method) else value.NAME)

    def _taken(self, body: bytes, tag: int, redelivered: bool) -> None:  # noqa: FBT001 - the callback's shape
        self.swift.append(("take", body, tag, redelivered))

    def _told(self, tag: int, multiple: bool, accepted: bool) -> None:  # noqa: FBT001 - the callback's shape
        self.swift.append(("told", tag, multiple, accepted))


@pytest.mark.parametrize("pieces", [0, 1, 7, 64])
def test_deliveries_and_confirms_are_heard_in_their_order_however_the_stream_is_cut(pieces: int) -> None:
    heard = _Heard()
    stream = [
        _delivery(1, b"one"),
        _confirm(9, multiple=True),
        frame.Heartbeat().marshal(),
        _delivery(2**40, b"two", redelivered=True),
    ]
    heard.read(b"".join(stream), pieces)
    assert heard.swift == [("take", b"one", 1, False), ("told", 9, True, True), ("take", b"two", 2**40, True)]
    assert heard.slow == ["Heartbeat"]
    assert heard.connection.bytes_received == sum(map(len, stream))  # its heartbeats go by them


@pytest.mark.parametrize(
    ("stream", "names"),
    [
        (_delivery(1, b"x" * 120), ["Basic.Deliver", "Header", "Body", "Body", "Body"]),
        (_delivery(1, b""), ["Basic.Deliver", "Header"]),
        (_delivery(1, b"x", consumer="cancelled"), ["Basic.Deliver", "Header", "Body"]),
        (_confirm(4, multiple=False, method=spec.Basic.Nack), ["Basic.Nack"]),
        (_method(spec.Basic.Ack(4), CHANNEL + 1), ["Basic.Ack"]),
    ],
    ids=["many frames", "no body", "of nobody", "refusal", "of another channel"],
)
@pytest.mark.parametrize("pieces", [0, 1])
def test_what_is_out_of_the_ordinary_is_left_to_pika_whole(stream: bytes, names: list[str], pieces: int) -> None:
    heard = _Heard()
    heard.read(stream + _delivery(2, b"after"), pieces)
    assert heard.slow == names
    assert heard.swift == [("take", b"after", 2, False)]


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_frame_without_its_end_mark_ends_the_connection(at: int) -> None:
    stream = _delivery(1, b"x" * 40)
    ends, end = [], 0
    while end < len(stream):
        end += frames.FRAME_SIZE + frames.HEAD.unpack_from(stream, end)[2]
        ends.append(end)
    broken = bytearray(stream)
    broken[ends[at] - 1] = 0
    with pytest.raises(pika.exceptions.InvalidFrameError):
        _Heard().read(bytes(broken))


def test_a_confirm_without_its_end_mark_ends_the_connection() -> None:
    with pytest.raises(pika.exceptions.InvalidFrameError):
        _Heard().read(_confirm(1, multiple=False)[:-1] + b"\0")


@pytest.mark.parametrize("between", [1, 2], ids=["before the header", "before the body"])
def test_what_another_channel_says_in_between_is_not_taken_for_a_part(between: int) -> None:
    """AMQP lets the frames of channels alternate: a frame belongs to the delivery of its own channel."""
    parts = [
        _method(spec.Basic.Deliver(CONSUMER, 1, False, "enlarger", "upscale.done")),  # noqa: FBT003 - pika's
        frame.Header(CHANNEL, 4, pika.BasicProperties()).marshal(),
        frame.Body(CHANNEL, b"ours").marshal(),
    ]
    others = [frame.Header(CHANNEL + 1, 4, pika.BasicProperties()), frame.Body(CHANNEL + 1, b"none")]
    parts.insert(between, others[between - 1].marshal())
    heard = _Heard()
    heard.read(b"".join(parts))
    assert not heard.swift
    assert len(heard.slow) == len(parts)


def test_a_connection_that_was_closed_by_what_it_read_reads_no_further() -> None:
    heard = _Heard()

    def close(_frame: frame.Frame) -> None:
        heard.connection._frame_buffer = b""  # noqa: SLF001 - as pika leaves it

    heard.connection._process_frame = close  # noqa: SLF001 - behind it are pika's channels
    heard.read(frame.Heartbeat().marshal() + _delivery(1, b"of the old one"))
    assert not heard.swift


_PART = st.one_of(
    st.builds(_delivery, st.integers(1, 2**63), st.binary(max_size=120), redelivered=st.booleans()),
    st.builds(_delivery, st.integers(1, 2**63), st.binary(max_size=120), consumer=st.just("of nobody")),
    st.builds(_confirm, st.integers(1, 2**63), multiple=st.booleans()),
    st.builds(_confirm, st.integers(1, 2**63), multiple=st.booleans(), method=st.just(spec.Basic.Nack)),
    st.just(frame.Heartbeat().marshal()),
)


@given(st.lists(_PART, min_size=1, max_size=8), st.integers(0, 40))
def test_nothing_is_lost_and_nothing_added(parts: list[bytes], pieces: int) -> None:
    ours, theirs = _Heard(), _Heard(swift=False)
    ours.read(b"".join(parts), pieces)
    theirs.read(b"".join(parts), pieces)
    taken = [event for event in ours.swift if event[0] == "take"]
    told = [event for event in ours.swift if event[0] == "told"]
    swift = ["Basic.Deliver", "Header", "Body"] * len(taken) + ["Basic.Ack"] * len(told)
    assert sorted(ours.slow + swift) == sorted(theirs.slow)
    assert ours.connection.bytes_received == theirs.connection.bytes_received
