"""Bookkeeping of one broker session, without I/O: which publishes await their confirm, which deliveries their ack."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, NamedTuple

from common.events import CONTENT_TYPE, EXCHANGE


class Message(NamedTuple):
    """One message to publish. `exchange` is the events' by default; dead letters go to their own."""

    routing_key: str
    body: bytes
    content_type: str = CONTENT_TYPE
    exchange: str = EXCHANGE
    headers: dict[str, Any] | None = None


Then = Callable[[bool], None]


@dataclass(slots=True)
class Batch:
    """Messages published together; `then(ok)` is called once, when the last of them is confirmed or given up."""

    left: int
    then: Then
    ok: bool = True

    def one_done(self, *, ok: bool) -> None:
        self.ok = self.ok and ok
        self.left -= 1
        if not self.left:
            self.then(self.ok)


@dataclass(slots=True)
class Publish:
    """One message on its way. `returned`: the broker knew no queue for it; `tries` counts what was sent before."""

    message: Message
    batch: Batch
    tries: int = 0
    returned: bool = False
    sent_at: float = 0.0


class Confirms:
    """The publishes of one channel that have no confirm yet, by delivery tag (counted from 1, as the broker does)."""

    def __init__(self) -> None:
        self._next = 1
        self._pending: dict[int, Publish] = {}

    def sent(self, publish: Publish) -> int:
        """Note a publish just before it is written; returns its delivery tag."""
        tag = self._next
        self._next += 1
        publish.sent_at = time.monotonic()
        publish.returned = False
        self._pending[tag] = publish
        return tag

    def returned(self, tag: int) -> None:
        """The broker gave this message back; its confirm still follows."""
        if tag in self._pending:
            self._pending[tag].returned = True

    def resolve(self, tag: int, *, multiple: bool) -> Iterator[Publish]:
        """Take out what this confirm (or nack) speaks of."""
        if not multiple:
            if tag in self._pending:
                yield self._pending.pop(tag)
            return
        for known in list(takewhile(lambda known: known <= tag, self._pending)):
            yield self._pending.pop(known)

    def __len__(self) -> int:
        return len(self._pending)

    def oldest_s(self) -> float:
        """Age, in seconds, of the publish that has waited longest; 0 when none waits."""
        first = next(iter(self._pending.values()), None)
        return time.monotonic() - first.sent_at if first else 0.0

    def abandon(self) -> list[Publish]:
        """The session is over: nobody will ever confirm these."""
        lost = list(self._pending.values())
        self._pending.clear()
        return lost


class Acks:
    """The deliveries of one channel, grouped so that one acknowledgement settles as many as possible."""

    def __init__(self) -> None:
        self._outstanding: dict[int, bool] = {}  # tag -> done, in the broker's order
        self._done = 0  # of the outstanding

    def delivered(self, tag: int) -> None:
        self._outstanding[tag] = False

    def done(self, tag: int) -> None:
        if self._outstanding.get(tag) is False:
            self._outstanding[tag] = True
            self._done += 1

    def forget(self, tag: int) -> None:
        """It was settled in another way than by an acknowledgement."""
        self._done -= self._outstanding.pop(tag, False)

    def flush(self) -> Iterator[tuple[int, bool]]:
        """What to acknowledge now, as (tag, multiple): the finished head in one, whatever lies past a gap singly."""
        if not self._done:
            return
        head = list(takewhile(self._outstanding.__getitem__, self._outstanding))
        if head:
            yield self._settled(head), True
        if self._done:
            for tag in [tag for tag, finished in self._outstanding.items() if finished]:
                yield self._settled([tag]), False

    def _settled(self, tags: Sequence[int]) -> int:
        for tag in tags:
            del self._outstanding[tag]
        self._done -= len(tags)
        return tags[-1]

    def __len__(self) -> int:
        return len(self._outstanding)
