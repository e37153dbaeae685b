"""Publishing on one channel: confirmed and pipelined, repeated when refused. The broker's I/O thread owns it; others
publish `at_once`.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from prometheus_client import Counter

from common import crash
from common.confirms import Batch, Confirms, Message, Publish, Then
from common.events import EVENTS
from common.topology import declare

REPUBLISH_S = (0.2, 0.4, 0.8, 1.6, 3.2)

UNCONFIRMED = Counter(
    "enlarger_publishes_unconfirmed", "Publishes that the broker never confirmed; the clock repeats them.", ["event"]
)
OTHER = "other"  # a dead letter
for event in (*EVENTS, OTHER):
    UNCONFIRMED.labels(event)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds between heartbeats, and until a message must be confirmed: then the connection is given up."""

    heartbeat_s: int = 20
    confirm_s: float = 15.0


USUAL = Patience()


class Later(Protocol):
    """An I/O loop's way to call something after so many seconds."""

    def __call__(self, delay: float, callback: Callable[[], None], /) -> object: ...


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the broker does for its publisher: write a message under a tag, call later, and hear of a return."""

    write: Callable[[Any, Message, int], None]
    later: Later
    returned: Callable[[str], None]


class Publisher:
    """A publish belongs to the channel that it was sent on: when that is given up, its `then(False)` is called."""

    def __init__(self, hooks: Hooks) -> None:
        self._turn = threading.RLock()  # for the channel and its book; taken before the connection's own
        self._hooks = hooks
        self._channel: Any = None
        self._confirms = Confirms()

    def __len__(self) -> int:
        """How many publishes wait for their confirm."""
        return len(self._confirms)

    @property
    def oldest_s(self) -> float:
        """Age, in seconds, of the publish that has waited longest."""
        with self._turn:
            return self._confirms.oldest_s()

    def use(self, channel: Any, confirms: Confirms) -> None:
        """Publish on this channel from now on: what makes it confirm is on its way. Its own book, since a channel given
        up may still speak of its tags.
        """
        with self._turn:
            self._channel, self._confirms = channel, confirms

    def close(self) -> None:
        """Publish no more. What is under way may still be confirmed."""
        with self._turn:
            self._channel = None

    def give_up(self) -> None:
        """The channel is gone: nobody will ever confirm what is under way."""
        with self._turn:
            self._channel = None
            lost = self._confirms.abandon()
        for publish in lost:
            _count(publish)
            publish.batch.one_done(ok=False)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Send what is published until the end of the block in one piece."""
        with self._turn, nullcontext() if self._channel is None else self._channel.connection.together():
            yield

    def at_once(self, work: Sequence[tuple[Sequence[Message], Then]]) -> bool:
        """Publish from any thread, without waiting for the I/O thread to wake. False: nothing was sent, it is to be
        asked. `then` is called by the I/O thread in any case.
        """
        with self._turn:
            channel = self._channel
            if channel is None or not channel.connection.open_to_all:
                return False
            if not all(channel.connection.usual(message) for messages, _ in work for message in messages):
                return False
            with self.together():
                for messages, then in work:
                    batch = Batch(len(messages), then)
                    for message in messages:  # where the channel has just closed they are given up with it
                        self._write(Publish(message, batch), channel)
        return True

    def publish(self, messages: Sequence[Message], then: Then) -> None:
        batch = Batch(len(messages), then)
        for message in messages:
            self._send(Publish(message, batch), self._channel)

    def _send(self, publish: Publish, channel: Any) -> None:
        with self._turn:
            fit = channel is not None and channel is self._channel and channel.is_open
            if fit:
                self._write(publish, channel)
        if not fit:
            publish.batch.one_done(ok=False)

    def _write(self, publish: Publish, channel: Any) -> None:
        tag = self._confirms.sent(publish)
        crash.point("before_publish")
        try:
            self._hooks.write(channel, publish.message, tag)
        except BaseException:
            self._channel = None  # the broker did not count this one: it would speak of the next by its tag
            raise
        crash.point("after_publish")

    def confirmed(self, publishes: Iterable[Publish], *, accepted: bool) -> None:
        """The broker has spoken of these."""
        with self._turn:
            told = list(publishes)
        for publish in told:
            if accepted and not publish.returned:
                publish.batch.one_done(ok=True)
            else:
                self._again(publish)

    def _again(self, publish: Publish) -> None:
        """Returned or refused: declare the topology once more, try a few times, then leave it to the job's wake-up."""
        key, channel = publish.message.routing_key, self._channel
        if publish.tries >= len(REPUBLISH_S):
            log.error("publish.given_up", routing_key=key, returned=publish.returned)
            _count(publish)
            publish.batch.one_done(ok=False)
            return
        if publish.returned:
            self._hooks.returned(key)
            log.error("publish.returned", routing_key=key)
            if channel is not None:
                declare(channel, lambda: None)
        self._hooks.later(REPUBLISH_S[publish.tries], lambda: self._send(publish, channel))
        publish.tries += 1


def _count(publish: Publish) -> None:
    key = publish.message.routing_key
    UNCONFIRMED.labels(key if key in EVENTS else OTHER).inc()
