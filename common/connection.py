"""One connection to RabbitMQ as the broker uses it, and how a message is written on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pika

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

    def _adapter_emit_data(self, data: bytes) -> None:
        if self._pieces is None:
            super()._adapter_emit_data(data)
        else:
            self._pieces.append(data)


def write(channel: Any, message: Message, tag: int) -> None:
    """Publish it, durable and `mandatory`; the broker gives it back under its tag when no queue takes it."""
    properties = pika.BasicProperties(
        content_type=message.content_type, delivery_mode=2, message_id=str(tag), headers=message.headers
    )
    channel.basic_publish(message.exchange, message.routing_key, message.body, properties, mandatory=True)
