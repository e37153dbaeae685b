"""The topology says everything itself: a broker's defaults differ between its versions (traps 10 to 17)."""

from typing import Any

import pytest

from common.events import EVENTS, EXCHANGE, Event
from common.topology import DEAD_EXCHANGE, dead_queue, queues

EVERY = pytest.mark.parametrize("cls", EVENTS.values(), ids=EVENTS.keys())


@EVERY
def test_an_events_queue_says_every_argument(cls: type[Event]) -> None:
    exchange, key, arguments = queues()[cls.queue]

    assert (exchange, key) == (EXCHANGE, cls.name)
    assert arguments == {
        "x-queue-type": "quorum",
        "x-delivery-limit": 20,
        "x-dead-letter-exchange": DEAD_EXCHANGE,
        "x-dead-letter-routing-key": dead_queue(cls.queue),
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",  # what at-least-once needs; with drop-head it falls back silently
        "x-max-length": 2_000_000,
    }


@EVERY
def test_a_dead_letter_queue_keeps_what_it_has(cls: type[Event]) -> None:
    exchange, key, arguments = queues()[dead_queue(cls.queue)]

    assert (exchange, key) == (DEAD_EXCHANGE, dead_queue(cls.queue))
    assert arguments["x-overflow"] == "reject-publish"
    assert arguments["x-delivery-limit"] >= 1_000_000
    assert "x-message-ttl" not in arguments


@EVERY
def test_a_dead_letter_has_where_to_go_before_its_queue_exists(cls: type[Event]) -> None:
    names = list(queues())

    assert names.index(dead_queue(cls.queue)) < names.index(cls.queue)


@pytest.mark.parametrize(("queue", "row"), queues().items(), ids=queues().keys())
def test_every_queue_is_bounded_and_a_quorum_queue(queue: str, row: tuple[str, str, dict[str, Any]]) -> None:
    del queue
    _, _, arguments = row

    assert arguments["x-queue-type"] == "quorum"
    assert arguments["x-max-length"] > 0


def test_no_alternate_exchange_swallows_a_returned_message() -> None:
    assert not any("alternate-exchange" in arguments for _, _, arguments in queues().values())
