"""The broker's topology as data: one exchange, one quorum queue per event, one dead-letter queue for each.

Every argument is explicit, so that RabbitMQ 3.10 and 4.x behave alike (traps 10 to 17). Changing one needs a new
queue name: a broker refuses to redeclare a queue with other arguments.
"""

from collections.abc import Callable
from typing import Any

from common.events import EVENTS, EXCHANGE

DEAD_EXCHANGE = f"{EXCHANGE}.dead"
MAX_MESSAGES = 2_000_000
MAX_DEAD = 100_000
DELIVERY_LIMIT = 20


def dead_queue(queue: str) -> str:
    return f"{queue}.dead"


def queues() -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Queue -> (exchange, routing key, arguments). Dead-letter queues first: a queue's target exists before it does."""
    dead = {
        dead_queue(event.queue): (
            DEAD_EXCHANGE,
            dead_queue(event.queue),
            {
                "x-queue-type": "quorum",
                "x-max-length": MAX_DEAD,
                "x-overflow": "reject-publish",
                "x-delivery-limit": 1_000_000,  # people read dead letters again and again; none may vanish for it
            },
        )
        for event in EVENTS.values()
    }
    live = {
        event.queue: (
            EXCHANGE,
            event.name,
            {
                "x-queue-type": "quorum",
                "x-delivery-limit": DELIVERY_LIMIT,
                "x-dead-letter-exchange": DEAD_EXCHANGE,
                "x-dead-letter-routing-key": dead_queue(event.queue),
                "x-dead-letter-strategy": "at-least-once",
                "x-overflow": "reject-publish",
                "x-max-length": MAX_MESSAGES,
            },
        )
        for event in EVENTS.values()
    }
    return dead | live


def declare(channel: Any, then: Callable[[], None]) -> None:
    """Declare exchanges, queues and bindings in one pipelined go; `then` after the last."""
    for exchange, kind in ((EXCHANGE, "topic"), (DEAD_EXCHANGE, "direct")):
        channel.exchange_declare(exchange, kind, durable=True)
    *most, last = queues().items()
    for queue, (exchange, key, arguments) in most:
        channel.queue_declare(queue, durable=True, arguments=arguments)
        channel.queue_bind(queue, exchange, key)
    queue, (exchange, key, arguments) = last
    channel.queue_declare(queue, durable=True, arguments=arguments)
    channel.queue_bind(queue, exchange, key, callback=lambda _frame: then())
