"""Who a client is, and how often it may ask."""

from ipaddress import ip_network
from typing import Any

import pytest

from services.ingest.web.pace import MOST_CLIENTS, Buckets, client_of, cost_of

PROXIES = tuple(map(ip_network, ("10.0.0.0/8", "fd00::/8")))


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def _scope(peer: str, forwarded: str | None = None) -> dict[str, Any]:
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded is not None else []
    return {"type": "http", "client": (peer, 1234), "headers": headers}


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", None, "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "192.0.2.66, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, 10.9.9.9", "198.51.100.1"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("fd00::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "<script>", "<script>"),
    ],
)
def test_a_client_is_the_last_address_that_is_not_our_own_proxy(peer: str, forwarded: str, client: str) -> None:
    assert client_of(_scope(peer, forwarded), PROXIES) == client


def test_a_bucket_lets_a_minute_through_and_fills_evenly() -> None:
    clock = Clock()
    buckets = Buckets(60, clock)
    assert [buckets.take("a", 1) for _ in range(60)] == [0.0] * 60
    assert buckets.take("a", 1) == pytest.approx(1.0)
    assert buckets.take("b", 1) == 0.0, "another client has its own"
    clock.now_s = 1.0
    assert buckets.take("a", 1) == 0.0
    assert buckets.take("a", 5) == pytest.approx(5.0)


def test_what_costs_more_than_a_minute_holds_is_not_refused_for_ever() -> None:
    assert Buckets(3, Clock()).take("a", 10) == 0.0


def test_strangers_without_number_take_bounded_memory() -> None:
    buckets = Buckets(1, Clock())
    for number in range(MOST_CLIENTS + 10):
        buckets.take(str(number), 1)
    assert len(buckets._known) == MOST_CLIENTS  # noqa: SLF001 - what is bounded


@pytest.mark.parametrize(
    ("method", "path", "cost"),
    [
        ("GET", "/jobs/tk_1", 1),
        ("POST", "/jobs/tk_1/cancel", 5),
        ("POST", "/wp-json/smi/v1/upload-image", 10),
        ("POST", "/wp-json/smi/v1/upload-image/", 10),
        ("POST", "/wp-json/smi/v1/create-checkout", 5),
        ("GET", "/wp-json/smi/v1/job-status/tk_1", 1),
    ],
)
def test_what_is_dear_counts_for_more(method: str, path: str, cost: int) -> None:
    assert cost_of(method, path) == cost
