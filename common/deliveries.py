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
    """A lane's queues on a channel of its own: at most `prefetch` unacknowledged messages, each handed to `sink`."""

    queues: Sequence[str]
    prefetch: int
    sink: Callable[[Delivery], None]
    paused: bool = False
    channel: Any = None
    acks: Acks = field(default_factory=Acks)
