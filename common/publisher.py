"""Publishing on one channel: confirmed and pipelined, repeated when refused. Used by the broker's I/O thread alone."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
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
        self._hooks = hooks
        self._channel: Any = None
        self._confirms = Confirms()

    def __len__(self) -> int:
        """How many publishes wait for their confirm."""
        return len(self._confirms)

    @property
    def oldest_s(self) -> float:
        """Age, in seconds, of the publish that has waited longest."""
        return self._confirms.oldest_s()

    def use(self, channel: Any) -> Confirms:
        """Publish on this channel from now on; its own book, since a channel given up may still speak of its tags."""
        self._channel, self._confirms = channel, Confirms()
        return self._confirms

    def give_up(self) -> None:
        """The channel is gone: nobody will ever confirm what is under way."""
        self._channel = None
        for publish in self._confirms.abandon():
            _count(publish)
            publish.batch.one_done(ok=False)

    def together(self) -> AbstractContextManager[None]:
        """Send what is published until the end of the block in one piece."""
        return nullcontext() if self._channel is None else self._channel.connection.together()

    def publish(self, messages: Sequence[Message], then: Then) -> None:
        batch = Batch(len(messages), then)
        for message in messages:
            self._send(Publish(message, batch), self._channel)

    def _send(self, publish: Publish, channel: Any) -> None:
        if channel is None or channel is not self._channel or not channel.is_open:
            publish.batch.one_done(ok=False)
            return
        tag = self._confirms.sent(publish)
        crash.point("before_publish")
        self._hooks.write(channel, publish.message, tag)
        crash.point("after_publish")

    def confirmed(self, publishes: Iterable[Publish], *, accepted: bool) -> None:
        """The broker has spoken of these."""
        for publish in publishes:
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
            declare(channel, lambda: None)
        self._hooks.later(REPUBLISH_S[publish.tries], lambda: self._send(publish, channel))
        publish.tries += 1


def _count(publish: Publish) -> None:
    key = publish.message.routing_key
    UNCONFIRMED.labels(key if key in EVENTS else OTHER).inc()
