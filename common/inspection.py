"""RabbitMQ as an operator sees it, one short connection at a time: depths, dead letters, a message by hand.

The workers' own connections are in common/broker.py; nothing here runs inside a worker.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pika
from pika.exceptions import (
    AMQPConnectionError,
    AMQPError,
    ChannelClosedByBroker,
    NackError,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
    UnroutableError,
)

from common.addresses import listed
from common.confirms import Message
from common.events import CONTENT_TYPE, EVENTS, EXCHANGE
from common.topology import dead_queue, queues

MOST_LETTERS = 1000
KEYS = {dead_queue(event.queue): name for name, event in EVENTS.items()}


class BrokerAwayError(Exception):
    """RabbitMQ cannot be reached, or refuses us; `kind` is bounded: address, login, vhost, other."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Depth:
    """A queue now: messages that wait, and consumers. `missing`: there is no such queue."""

    queue: str
    messages: int = 0
    consumers: int = 0
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter. `letter_id` names it: the same message keeps it however often it is looked at."""

    letter_id: str
    queue: str
    routing_key: str
    reason: str
    body: bytes


class Inspection:
    """One connection. Use it as `with look(url) as broker`."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def depths(self) -> list[Depth]:
        """Every queue of the topology, in its order."""
        return [self.depth(queue) for queue in queues()]

    def depth(self, queue: str) -> Depth:
        with self._channel() as channel:
            try:
                found = channel.queue_declare(queue, passive=True).method
            except ChannelClosedByBroker as closed:
                if closed.reply_code == 404:  # noqa: PLR2004 - AMQP's own
                    return Depth(queue, missing=True)
                raise
            return Depth(queue, found.message_count, found.consumer_count)

    def complaint(self, queue: str) -> str | None:
        """What the broker says against our arguments for this queue, which must exist; None when they are the same."""
        _, _, arguments = queues()[queue]
        with self._channel() as channel:
            try:
                channel.queue_declare(queue, durable=True, arguments=arguments)
            except ChannelClosedByBroker as closed:
                return str(closed.reply_text)
        return None

    def say(self, message: Message) -> bool:
        """Publish and wait for the confirm; False when the broker does not take it."""
        with self._channel() as channel:
            return _published(channel, message)

    def letters(self) -> list[Letter]:
        """All dead letters (of each queue at most `MOST_LETTERS`); they stay where they are."""
        return [letter for queue in KEYS for letter in self._look_through(queue, lambda _letter: False)]

    def drop(self, letters: Sequence[Letter]) -> None:
        """Throw these away."""
        ids = {letter.letter_id for letter in letters}
        for queue in dict.fromkeys(letter.queue for letter in letters):
            self._look_through(queue, lambda letter: letter.letter_id in ids)

    def replay(self, letters: Sequence[Letter]) -> list[Letter]:
        """Publish these again as they were; each is gone from here once that is confirmed. Returns those left."""
        ids, left = {letter.letter_id for letter in letters}, []

        def again(letter: Letter) -> bool:
            if letter.letter_id not in ids:
                return False
            taken = self.say(Message(letter.routing_key, letter.body, CONTENT_TYPE, EXCHANGE))
            left.extend([] if taken else [letter])
            return taken

        for queue in dict.fromkeys(letter.queue for letter in letters):
            self._look_through(queue, again)
        return left

    def _look_through(self, queue: str, over: Callable[[Letter], bool]) -> list[Letter]:
        """Every letter that is there now, once; those of which `over` says so are taken out."""
        seen = []
        with self._channel() as channel:
            for _ in range(min(self.depth(queue).messages, MOST_LETTERS)):  # a replay that fails comes back at the end
                method, properties, body = self._next(channel, queue)
                if method is None:
                    break
                letter = _letter(queue, properties.headers or {}, body)
                seen.append(letter)
                if over(letter):
                    channel.basic_ack(method.delivery_tag)
        return seen  # closing the channel gives the others back

    def _next(self, channel: Any, queue: str) -> tuple[Any, Any, bytes]:
        try:
            method, properties, body = channel.basic_get(queue)
        except ChannelClosedByBroker:
            return None, None, b""  # there is no such queue
        return method, properties, body

    @contextlib.contextmanager
    def _channel(self) -> Iterator[Any]:
        channel = self._connection.channel()
        try:
            yield channel
        finally:
            if channel.is_open:
                channel.close()


@contextlib.contextmanager
def look(urls: str, timeout_s: float = 5) -> Iterator[Inspection]:
    """Connect to the first broker of `AMQP_URL` that answers. Raises BrokerAwayError."""
    connection = _first_that_answers(listed(urls), timeout_s)
    try:
        yield Inspection(connection)
    except (AMQPError, OSError) as error:
        raise BrokerAwayError("other", f"{type(error).__name__}: {error}") from error
    finally:
        with contextlib.suppress(AMQPError):  # closed by the broker already
            connection.close()


def _first_that_answers(urls: Sequence[str], timeout_s: float) -> Any:
    for url in urls[:-1]:
        with contextlib.suppress(BrokerAwayError):
            return _connected(url, timeout_s)
    return _connected(urls[-1], timeout_s)


def _connected(url: str, timeout_s: float) -> Any:
    try:
        parameters = pika.URLParameters(url)
    except (ValueError, TypeError, IndexError) as error:
        raise BrokerAwayError("address", "AMQP_URL does not read as amqp://user:password@host:port/vhost") from error
    parameters.socket_timeout = parameters.stack_timeout = parameters.blocked_connection_timeout = timeout_s
    parameters.connection_attempts = 1
    parameters.client_properties = {"connection_name": "enlarger.admin"}
    where = f"{parameters.host}:{parameters.port}"
    try:
        return pika.BlockingConnection(parameters)
    except ProbableAuthenticationError as error:
        raise BrokerAwayError("login", f"{where} refuses the user or the password") from error
    except ProbableAccessDeniedError as error:
        raise BrokerAwayError("vhost", f"{where} has no virtual host {parameters.virtual_host!r} for us") from error
    except (AMQPConnectionError, OSError) as error:
        raise BrokerAwayError("address", f"nothing answers at {where}") from error


def _published(channel: Any, message: Message) -> bool:
    channel.confirm_delivery()
    properties = pika.BasicProperties(content_type=message.content_type, delivery_mode=2)
    try:
        channel.basic_publish(message.exchange, message.routing_key, message.body, properties, mandatory=True)
    except (UnroutableError, NackError):
        return False
    return True


def _letter(queue: str, headers: dict[str, Any], body: bytes) -> Letter:
    died: dict[str, Any] = next(iter(headers.get("x-death") or []), {})
    reason = headers.get("x-reason") or _of_broker(str(died.get("reason", "")))
    key = headers.get("x-routing-key") or next(iter(died.get("routing-keys") or []), KEYS[queue])
    letter_id = hashlib.sha256(queue.encode() + body).hexdigest()[:10]
    return Letter(letter_id, queue, str(key), str(reason), body)


def _of_broker(reason: str) -> str:
    words = {
        "delivery_limit": "it was delivered many times, and its worker never finished it",
        "maxlen": "its queue was full",
        "expired": "its time was over",
        "rejected": "its worker gave it back",
    }
    return words.get(reason, reason or "nobody said why")
