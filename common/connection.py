"""One connection to RabbitMQ as the broker uses it, and how a message is written on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import pika
from pika import spec

from common.confirms import Message


class Connection(pika.SelectConnection):  # type: ignore[misc] # pika has no types
    """A connection that sends what is published `together` in one piece.

    By itself pika gives the socket three pieces a message, and each is a call of the system and a packet of its own.
    """

    _pieces: list[bytes] | None = None

    @contextmanager
    def together(self) -> Iterator[None]:
        """Gather what is written until the end of the block; not to be nested."""
        self._pieces = []
        try:
            yield
        finally:
            pieces, self._pieces = self._pieces, None
            if pieces:
                super()._adapter_emit_data(b"".join(pieces))

    def publish(self, channel: Any, message: Message, tag: int) -> None:
        """Publish it on an open channel, durable and `mandatory`: under its tag (decimal, as the message's id) it comes
        back when no queue takes it.
        """
        method = _method(message.exchange, message.routing_key)
        properties = _Properties(_common(message.content_type), tag) if message.headers is None else _told(message, tag)
        self._send_message(channel.channel_number, method, (properties, message.body))

    def _adapter_emit_data(self, data: bytes) -> None:
        if self._pieces is None:
            super()._adapter_emit_data(data)
        else:
            self._pieces.append(data)


def write(channel: Any, message: Message, tag: int) -> None:
    """Publish it on its channel's connection."""
    channel.connection.publish(channel, message, tag)


class _Method(spec.Basic.Publish):  # type: ignore[misc] # pika has no types
    """`basic.publish` whose arguments are encoded once: there are few different ones."""

    def __init__(self, exchange: str, routing_key: str) -> None:
        super().__init__(exchange=exchange, routing_key=routing_key, mandatory=True)
        self._encoded: bytes = b"".join(super().encode())

    def encode(self) -> list[bytes]:
        return [self._encoded]


class _Properties:
    """The properties of a message without headers, of which only the id differs: AMQP writes it last."""

    INDEX = spec.BasicProperties.INDEX

    def __init__(self, common: bytes, tag: int) -> None:
        self._common = common
        self._id = str(tag).encode()

    def encode(self) -> list[bytes]:
        return [self._common, bytes([len(self._id)]), self._id]


@lru_cache(maxsize=256)
def _method(exchange: str, routing_key: str) -> _Method:
    return _Method(exchange, routing_key)


@lru_cache(maxsize=16)
def _common(content_type: str) -> bytes:
    """What comes before the id's length."""
    encoded = spec.BasicProperties(content_type=content_type, delivery_mode=2, message_id="").encode()
    return b"".join(encoded).removesuffix(b"\0")


def _told(message: Message, tag: int) -> spec.BasicProperties:
    return spec.BasicProperties(
        content_type=message.content_type, delivery_mode=2, message_id=str(tag), headers=message.headers
    )
