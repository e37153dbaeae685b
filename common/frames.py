"""The AMQP 0-9-1 frames that pass all the time, read and written whole: deliveries, confirms, publishes.

Pika makes objects of each of a message's three frames, which costs more than what is then done with the message. All
other frames are pika's; so are these where something about them is out of the ordinary.
Format: a type, a channel, a size, the payload, an end mark (AMQP 0-9-1, 4.2.3 to 4.2.6).
"""

from enum import Enum
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from pika import spec

from common.confirms import Message

METHOD, HEADER, BODY, END = spec.FRAME_METHOD, spec.FRAME_HEADER, spec.FRAME_BODY, spec.FRAME_END
DELIVER, CONFIRM = spec.Basic.Deliver.INDEX, spec.Basic.Ack.INDEX
HEAD = Struct(">BHI")  # type, channel, size of the payload
HEAD_SIZE, FRAME_SIZE = HEAD.size, HEAD.size + 1  # the latter with the end mark: a frame without its payload
INDEX = Struct(">I")  # a method's class and number
TOLD = Struct(">Q?")  # a delivery tag, and one flag: redelivered, or multiple
_CONTENT = Struct(">BHIHHQ")  # a header frame until its properties: class, weight, size of the body


class Delivered(NamedTuple):
    """A delivery that lies whole in what was read. It ends before `stop`."""

    consumer: bytes
    tag: int
    redelivered: bool
    body: bytes
    stop: int


class Not(Enum):
    """Why no delivery was found: more of it must be read; or it is for pika (its body has several frames, or none, or
    another channel's frames lie between).
    """

    YET = 0
    OURS = 1


def delivered(read: bytes, at: int, header_at: int) -> Delivered | Not:
    """The delivery whose first frame begins at `at` and ends before `header_at`."""
    end = len(read)
    if header_at + _CONTENT.size > end:
        return Not.YET
    _, channel, _ = HEAD.unpack_from(read, at)
    header, _, properties_size, _, _, body_size = _CONTENT.unpack_from(read, header_at)
    body_at = header_at + FRAME_SIZE + properties_size
    if header != HEADER or not body_size:
        return Not.OURS
    if body_at + HEAD_SIZE > end:
        return Not.YET
    body, of, size = HEAD.unpack_from(read, body_at)
    stop = body_at + FRAME_SIZE + size
    if body != BODY or of != channel or size != body_size:
        return Not.OURS
    if stop > end:
        return Not.YET
    if not read[header_at - 1] == read[body_at - 1] == read[stop - 1] == END:
        return Not.OURS
    name_at = at + HEAD_SIZE + INDEX.size + 1
    told_at = name_at + read[name_at - 1]
    tag, redelivered = TOLD.unpack_from(read, told_at)
    return Delivered(read[name_at:told_at], tag, redelivered, read[body_at + HEAD_SIZE : stop - 1], stop)


def publish(channel: int, message: Message, tag: int) -> bytes:
    """A durable, `mandatory` message without headers, of at most one frame's body. Its id is `tag`, in decimals."""
    name, properties, size = b"%d" % tag, _properties(message.content_type), len(message.body)
    properties_size = _CONTENT.size - HEAD_SIZE + len(properties) + 1 + len(name)
    return b"%b%b%b%c%b\xce%b%b\xce" % (
        _method(channel, message.exchange, message.routing_key),
        _CONTENT.pack(HEADER, channel, properties_size, spec.Basic.INDEX, 0, size),
        properties,
        len(name),
        name,
        HEAD.pack(BODY, channel, size),
        message.body,
    )


@lru_cache(maxsize=256)
def _method(channel: int, exchange: str, routing_key: str) -> bytes:
    """The first frame of a publish: there are few different ones."""
    method = spec.Basic.Publish(exchange=exchange, routing_key=routing_key, mandatory=True)
    payload = b"".join([INDEX.pack(method.INDEX), *method.encode()])
    return HEAD.pack(METHOD, channel, len(payload)) + payload + bytes([END])


@lru_cache(maxsize=16)
def _properties(content_type: str) -> bytes:
    """The properties of a message before its id's length: the id is what AMQP writes last."""
    encoded = spec.BasicProperties(content_type=content_type, delivery_mode=2, message_id="").encode()
    return b"".join(encoded).removesuffix(b"\0")
