"""One connection to RabbitMQ as the broker uses it: what passes all the time goes past pika's objects (frames.py)."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pika
from pika import spec
from pika.frame import decode_frame

from common import frames
from common.confirms import Message

RECEIVE_BYTES = 65_536  # in one read of the socket; pika's 4096 hold nine of our messages

Take = Callable[[bytes, int, bool], None]  # a message's body, its delivery tag, whether it was delivered before
Told = Callable[[int, bool, bool], None]  # a publish's tag, whether all before it are meant, whether it was accepted


class Connection(pika.SelectConnection):  # type: ignore[misc] # pika has no types
    """A connection that sends what is published `together` in one piece, and reads deliveries and confirms itself.

    By itself pika gives the socket three pieces a message, and each is a call of the system and a packet of its own.
    Pika's loop and thread own it; only what is published on an `open_to_all` one may be written by others, too.
    """

    _frame_buffer: bytes  # what was read of a frame that is not whole yet

    def __init__(self, *args: Any, **more: Any) -> None:
        self._turn = threading.RLock()  # to write
        self._home = threading.get_ident()
        self._line: socket.socket | None = None  # the transport's socket, of which nobody else closes this duplicate
        self._behind: list[bytes] = []  # what another thread could not send: for pika, before all else
        self._pieces: list[bytes] | None = None
        self._takes: dict[bytes, Take] = {}  # by consumer tag, which names its channel, too
        self._told: dict[int, Told] = {}  # by channel
        super().__init__(*args, **more)

    # --- what is sent ------------------------------------------------------------------------------------------------

    @property
    def open_to_all(self) -> bool:
        """Any thread may publish: not where the socket is OpenSSL's, which one thread may use at a time."""
        return self._line is not None

    @contextmanager
    def together(self) -> Iterator[None]:
        """Gather what is written until the end of the block; not to be nested."""
        with self._turn:
            self._pieces = []
            try:
                yield
            finally:
                pieces, self._pieces = self._pieces, None
                if pieces:
                    self._adapter_emit_data(b"".join(pieces))

    def usual(self, message: Message) -> bool:
        """It is written without pika."""
        return message.headers is None and 0 < len(message.body) <= self._body_max_length

    def publish(self, channel: Any, message: Message, tag: int) -> None:
        """Publish it on an open channel, durable and `mandatory`: under its tag (decimal, as the message's id) it comes
        back when no queue takes it.
        """
        if self.usual(message):
            self._output_marshaled_frames([frames.publish(channel.channel_number, message, tag)])
            return
        key, body, content_type, exchange, headers = message
        properties = spec.BasicProperties(content_type, headers=headers, delivery_mode=2, message_id=str(tag))
        channel.basic_publish(exchange, key, body, properties, mandatory=True)

    def _adapter_emit_data(self, data: bytes) -> None:
        with self._turn:
            if self._pieces is not None:
                self._pieces.append(data)
                return
            left = data if self._behind else self._send(data)
            if left:
                self._behind.append(left)
                if threading.get_ident() == self._home:
                    self._catch_up()
                else:
                    self.ioloop.add_callback_threadsafe(self._catch_up)

    def _catch_up(self) -> None:
        """Leave to pika what the socket did not take, in its own thread."""
        with self._turn:
            behind, self._behind = b"".join(self._behind), []
            if behind and self._transport is not None:
                super()._adapter_emit_data(behind)

    def _send(self, data: bytes) -> bytes:
        """Send at once what the socket takes: pika would wait for its loop to find it writable. Returns what is left,
        which is pika's; so is any error, which it meets again.
        """
        transport = self._transport
        if transport is None or transport.get_write_buffer_size() or transport._state != transport._STATE_ACTIVE:  # noqa: SLF001 - see below
            return data  # behind what waits already, or given up: then pika drops it
        try:
            return data[(self._line or transport._sock).send(data) :]  # noqa: SLF001 - pika has no other way to it
        except OSError:
            return data

    # --- what is received --------------------------------------------------------------------------------------------

    def consume(self, channel: Any, queue: str, take: Take, answered: Callable[[], None]) -> None:
        """Have the queue's messages handed to `take`; `answered` is called once the broker has agreed."""

        def taken(_channel: Any, method: Any, _properties: Any, body: bytes) -> None:
            take(body, method.delivery_tag, method.redelivered)

        consumer = channel.basic_consume(queue, taken, callback=lambda _frame: answered())
        self._takes[consumer.encode()] = take

    def cancel(self, channel: Any) -> None:
        """Consume no more on this channel. What is on its way is read by pika, which gives it back."""
        for consumer in list(channel.consumer_tags):
            self._takes.pop(consumer.encode(), None)
            channel.basic_cancel(consumer)

    def confirm(self, channel: Any, told: Told) -> None:
        """Have every publish on this channel confirmed."""

        def heard(frame: Any) -> None:
            told(frame.method.delivery_tag, frame.method.multiple, isinstance(frame.method, spec.Basic.Ack))

        channel.confirm_delivery(heard)
        self._told[channel.channel_number] = told

    def _proto_connection_made(self, transport: Any) -> None:
        transport._MAX_RECV_BYTES = RECEIVE_BYTES  # noqa: SLF001 - pika has no setting for it
        transport._MAX_CONSUME_BYTES = 1  # noqa: SLF001 - one read a turn: another mostly finds nothing
        self._home = threading.get_ident()
        if not isinstance(transport._sock, ssl.SSLSocket):  # noqa: SLF001 - as above
            self._line = transport._sock.dup()  # noqa: SLF001 - as above
        super()._proto_connection_made(transport)

    def _proto_connection_lost(self, error: BaseException | None) -> None:
        with self._turn:  # nobody else is sending: the number of a socket that is closed is soon another's
            line, self._line = self._line, None
        if line:
            line.close()
        super()._proto_connection_lost(error)

    def _on_data_available(self, data_in: bytes) -> None:
        """Called by pika with what was read from the socket."""
        if not self._takes and not self._told:
            super()._on_data_available(data_in)
            return
        read = self._frame_buffer + data_in if self._frame_buffer else data_in
        start = at = 0
        while at + frames.FRAME_SIZE <= len(read):
            kind, channel, size = frames.HEAD.unpack_from(read, at)
            after = at + frames.FRAME_SIZE + size
            if after > len(read):
                break
            past = self._usual(read, at, channel, after) if kind == frames.METHOD else 0
            if past is None:
                break
            if past:
                at = past
                continue
            self.bytes_received += at - start
            self._unusual(read, at, after)
            read, start, at = self._frame_buffer, 0, 0  # which is empty where that closed the connection
        self.bytes_received += at - start
        self._frame_buffer = read[at:]

    def _usual(self, read: bytes, at: int, channel: int, after: int) -> int | None:
        """Act on a delivery or a confirm: where it ends; 0: it is neither; None: more of it must be read."""
        (index,) = frames.INDEX.unpack_from(read, at + frames.HEAD_SIZE)
        if index == frames.DELIVER:
            found = frames.delivered(read, at, after)
            if isinstance(found, frames.Not):
                return None if found is frames.Not.YET else 0
            if take := self._takes.get(found.consumer):
                take(found.body, found.tag, found.redelivered)
                return found.stop
            return 0
        if index == frames.CONFIRM and (told := self._told.get(channel)) and read[after - 1] == frames.END:
            tag, multiple = frames.TOLD.unpack_from(read, at + frames.HEAD_SIZE + frames.INDEX.size)
            told(tag, multiple, True)  # noqa: FBT003 - the callback's shape
            return after
        return 0

    def _unusual(self, read: bytes, at: int, after: int) -> None:
        """Give one frame to pika."""
        _, frame = decode_frame(read[at:after])
        self._frame_buffer = read[after:]
        self.bytes_received += after - at
        self._process_frame(frame)


def write(channel: Any, message: Message, tag: int) -> None:
    """Publish it on its channel's connection."""
    channel.connection.publish(channel, message, tag)
