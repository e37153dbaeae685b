"""Which broker of several a process turns to."""

from collections import Counter
from random import Random

from common.addresses import RECONNECT_S, Addresses

THREE = "amqp://one, amqp://two,amqp://three"


def test_replicas_spread_over_the_nodes() -> None:
    chances = (Random(seed) for seed in range(300))  # noqa: S311 - a test repeats itself
    first = Counter(Addresses(THREE, chance).current for chance in chances)
    assert set(first) == {"amqp://one", "amqp://two", "amqp://three"}
    assert min(first.values()) > 60


def test_each_node_is_asked_before_any_is_asked_again_and_only_then_waits_grow() -> None:
    addresses = Addresses(THREE)
    asked, waits = [], []
    for _ in range(6):
        asked.append(addresses.current)
        waits.append(addresses.failed())
    assert asked[:3] == asked[3:]
    assert len(set(asked)) == 3
    assert waits == [RECONNECT_S[0]] * 3 + [RECONNECT_S[1]] * 3


def test_who_was_lost_after_a_while_is_followed_by_the_next_at_once() -> None:
    addresses = Addresses(THREE)
    addresses.failed()
    reached = addresses.current
    addresses.settled()
    assert addresses.current == reached
    assert addresses.failed() == RECONNECT_S[0]
    assert addresses.current != reached


def test_a_single_broker_is_asked_ever_more_seldom() -> None:
    addresses = Addresses("amqp://one")
    assert [addresses.failed() for _ in range(7)] == [*RECONNECT_S, RECONNECT_S[-1], RECONNECT_S[-1]]
    assert addresses.current == "amqp://one"
