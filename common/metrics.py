"""The metrics that every worker has. Services add their own in their `metrics.py`; labels are bounded."""

from functools import cache

from prometheus_client import Counter, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

CONSUMED = Counter("enlarger_events_consumed", "Deliveries settled, by what was decided.", ["lane", "event", "outcome"])
PUBLISHED = Counter("enlarger_events_published", "Events handed to the broker.", ["lane", "event"])
REDELIVERED = Counter("enlarger_redeliveries", "Deliveries that the broker had delivered before.", ["lane", "event"])
RETURNED = Counter("enlarger_messages_returned", "Publishes that found no queue.", ["event"])
HANDLED = Histogram(
    "enlarger_handler_seconds",
    "Seconds from taking a delivery to its commit.",
    ["lane", "event"],
    buckets=SECONDS,
)

_consumed, _published, _handled = cache(CONSUMED.labels), cache(PUBLISHED.labels), cache(HANDLED.labels)


class Metrics:
    """What the runtime reports."""

    def consumed(self, lane: str, event: str, outcome: str, redelivered: bool) -> None:  # noqa: FBT001 - a label's value
        _consumed(lane, event, outcome).inc()
        if redelivered:
            REDELIVERED.labels(lane, event).inc()

    def published(self, lane: str, event: str) -> None:
        _published(lane, event).inc()

    def returned(self, event: str) -> None:
        RETURNED.labels(event).inc()

    def handled(self, lane: str, event: str, seconds: float) -> None:
        _handled(lane, event).observe(seconds)
