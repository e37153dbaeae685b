"""Gauges that are read from the database: by one worker for all, so that two replicas do not double them."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import REGISTRY, Collector, CollectorRegistry

Rows = Mapping[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Figure:
    """The definition of one gauge: its name, what it tells, its labels."""

    name: str
    documentation: str
    labels: Sequence[str] = ()


class Figures(Collector):
    """Shows what was told last, until it is too old: then nothing, so that another worker's word is the only one."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._told: dict[Figure, Rows] = {}
        self._until = 0.0
        self._lock = threading.Lock()
        registry.register(self)

    def tell(self, told: Mapping[Figure, Rows], until: float) -> None:
        """Show these (a figure's value by its labels' values), and what was told before; all of it until the monotonic
        second `until`.
        """
        with self._lock:
            self._told |= told
            self._until = until

    def rows(self, figure: Figure) -> Rows:
        """What was told of a figure last."""
        with self._lock:
            return self._told.get(figure, {})

    def forget(self) -> None:
        with self._lock:
            self._told.clear()

    def describe(self) -> list[Metric]:
        return []  # nothing is asked of the database when the registry is made

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            told = dict(self._told) if time.monotonic() < self._until else {}
        for figure, rows in told.items():
            family = GaugeMetricFamily(figure.name, figure.documentation, labels=figure.labels)
            for labels, value in rows.items():
                family.add_metric(labels, value)
            yield family
