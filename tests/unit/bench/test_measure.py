"""The benchmark's arithmetic: percentiles, medians over rounds, whose CPU is whose."""

import pytest

from bench.contest import _middle
from bench.measure import Latency, Result, latency

QUICK = Latency(1.0, 2.0)


def _result(per_s: float, cpu: float, rss: float, saturated: Latency = QUICK) -> Result:
    return Result("ours", 100, 2.0, per_s, saturated, {"submitter": cpu, "PostgreSQL": 9.0}, {"submitter": rss})


def test_percentiles_are_of_the_whole_way_in_milliseconds() -> None:
    spans = [(100.0, 100.0 + n / 1000) for n in range(1, 101)]
    found = latency(spans)
    assert found.p50_ms == pytest.approx(51)
    assert found.p99_ms == pytest.approx(100)
    assert latency([(1.0, 1.5)]) == Latency(500, 500)


def test_the_servers_cpu_is_not_called_pythons() -> None:
    assert _result(1, 0.25, 1).python_cpu == pytest.approx(0.25)


def test_rounds_come_together_as_medians_and_the_largest_memory() -> None:
    rounds = [
        _result(10, 0.3, 70, Latency(20, 30)),
        _result(30, 0.1, 90, Latency(22, 90)),
        _result(20, 0.2, 80, Latency(21, 40)),
    ]
    middle = _middle(rounds)
    assert middle.orders == 300
    assert middle.per_s == 20
    assert middle.cpu["submitter"] == pytest.approx(0.2)
    assert middle.rss_mb["submitter"] == 90
    assert middle.saturated == Latency(21, 40)
