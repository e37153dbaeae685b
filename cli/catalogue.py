"""Every metric that is defined anywhere in the workers: docs/metrics.md, and the names that dashboards may use."""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

from prometheus_client.metrics import MetricWrapperBase

import common
import services
from common.figures import Figure

HEAD = """# Metrics

Every worker serves these in Prometheus' text format at `/metrics` on `METRICS_PORT`, with those of the process itself
(`process_…`, `python_…`). Made from the code by `./enlarger docs`.

Labels are bounded: never an id of a job. A histogram has `_bucket`, `_sum` and `_count`. What is counted *in the
database* is shown by one poller at a time for all replicas, and is as old as
`time() - enlarger_census_timestamp_seconds`. Queue depths come from RabbitMQ's own plugin (port 15692,
`/metrics/detailed?family=queue_coarse_metrics&family=queue_consumer_count`).

| metric | type | labels | meaning | from |
| --- | --- | --- | --- | --- |
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One metric as it is scraped. `source`: the worker that has it, or "all"."""

    name: str
    kind: str
    labels: tuple[str, ...]
    documentation: str
    source: str


def page() -> str:
    """The table of all metrics."""
    rows = [
        f"| `{e.name}` | {e.kind} | {', '.join(f'`{label}`' for label in e.labels)} | {e.documentation} | {e.source} |"
        for e in entries()
    ]
    return HEAD + "\n".join(rows) + "\n"


def entries() -> list[Entry]:
    """All of them, by name. Raises ValueError where two definitions share a name."""
    found: dict[str, tuple[object, Entry]] = {}
    for module in _modules():
        for value in vars(module).values():
            if isinstance(value, MetricWrapperBase | Figure):
                entry = _entry(value, module)
                known, _ = found.setdefault(entry.name, (value, entry))
                if known is not value:
                    raise ValueError(f"{entry.name} is defined twice")
                if module.__name__.endswith(".metrics"):  # where it is defined; others import it
                    found[entry.name] = (value, entry)
    return sorted((entry for _, entry in found.values()), key=lambda entry: entry.name)


def _modules() -> Iterator[ModuleType]:
    for package in (common, services):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield importlib.import_module(info.name)


def _entry(value: MetricWrapperBase | Figure, module: ModuleType) -> Entry:
    _, _, rest = module.__name__.partition("services.")
    source = rest.partition(".")[0] or "all"
    if isinstance(value, Figure):
        return Entry(value.name, "gauge, in the database", tuple(value.labels), value.documentation, source)
    (metric,) = value.describe()
    name = f"{metric.name}_total" if metric.type == "counter" else metric.name
    labels = tuple(value._labelnames)  # noqa: SLF001 - the library tells them nowhere else
    return Entry(name, metric.type, labels, metric.documentation, source)
