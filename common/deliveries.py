"""What comes from a queue, and who takes it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from common.confirms import Acks


class Delivery(NamedTuple):
    """One message as it came from a queue; `tag` and `session` name it to the broker."""

    queue: str
    body: bytes
    redelivered: bool
    tag: int
    session: int
    subscription: "Subscription"


@dataclass(slots=True, eq=False)
class Subscription:
    """A lane's queues on a channel of its own: of each at most `prefetch` unacknowledged messages, handed to `sink`.

    `turn` counts how often it began to consume: what an earlier one still meant to ask for is given up.
    """

    queues: Sequence[str]
    prefetch: int
    sink: Callable[[Delivery], None]
    paused: bool = False
    channel: Any = None
    acks: Acks = field(default_factory=Acks)
    turn: int = 0

    def renew(self, channel: Any) -> None:
        """Another session's channel; None while there is none."""
        self.channel, self.acks = channel, Acks()

    @property
    def open(self) -> bool:
        return self.channel is not None and self.channel.is_open
