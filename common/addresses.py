"""The brokers that `AMQP_URL` names: which one a process asks, and how soon it asks the next."""

from random import Random, SystemRandom

RECONNECT_S = (0.2, 0.5, 1.0, 2.0, 5.0)
# Until a connection stands, and until AMQP is spoken over it. With others to turn to, a silent one is given up sooner.
_ONLY = (5, 10)
_ONE_OF_SEVERAL = (2, 4)


def listed(urls: str) -> list[str]:
    """The comma-separated URLs, in the order of the setting."""
    return [url.strip() for url in urls.split(",")]


class Addresses:
    """Every process has an order of its own, so that replicas spread over the nodes of a cluster.

    It stays with the node that it reached. After a failure the next one is asked; waits grow with each round through
    all of them.
    """

    def __init__(self, urls: str, chance: Random | None = None) -> None:
        self._urls = listed(urls)
        (chance or SystemRandom()).shuffle(self._urls)
        self._place = self._failures = 0

    @property
    def current(self) -> str:
        return self._urls[self._place]

    @property
    def patience_s(self) -> tuple[int, int]:
        """How long a connection may take, and how long until the broker has spoken."""
        return _ONLY if len(self._urls) == 1 else _ONE_OF_SEVERAL

    def failed(self) -> float:
        """Turn to the next; in how many seconds to ask it."""
        rounds = self._failures // len(self._urls)
        self._failures += 1
        self._place = (self._place + 1) % len(self._urls)
        return RECONNECT_S[min(rounds, len(RECONNECT_S) - 1)]

    def settled(self) -> None:
        """The current one has held for a while."""
        self._failures = 0
