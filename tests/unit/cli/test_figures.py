"""Percentiles are by nearest rank, and an order's seconds are read from its history."""

from cli.figures import Spread, spread


def test_percentiles_are_values_that_were_measured() -> None:
    assert spread([float(n) for n in range(1, 101)]) == Spread(51, 96, 100, 100)
    assert spread([3.0]) == Spread(3, 3, 3, 3)
    assert spread([]) == Spread(0, 0, 0, 0)
