"""A lane's subscription, which may be closed for several reasons at once: it takes messages when none is left."""

import threading
from dataclasses import dataclass, field

from common.broker import Broker
from common.deliveries import Subscription

DATABASE, OPERATOR, STOPPING = "database", "operator", "stopping"


@dataclass(slots=True)
class Tap:
    """What is taken already is finished, open or closed. Any thread may open or close it: for each reason by itself."""

    broker: Broker
    subscription: Subscription
    closed: set[str] = field(default_factory=set)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def close(self, why: str) -> None:
        with self._turn:
            self.closed.add(why)
            self.broker.pause(self.subscription)

    def open(self, why: str) -> None:
        with self._turn:
            self.closed.discard(why)
            if not self.closed:
                self.broker.resume(self.subscription)
