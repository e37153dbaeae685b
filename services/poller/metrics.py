"""What the poller and the clock measure."""

from prometheus_client import Counter, Histogram

LOOKS = Counter("enlarger_provider_polls", "Status checks, by what the provider said.", ["state"])
WAKE_LATENESS = Histogram(
    "enlarger_wake_lateness_seconds",
    "Seconds between a job's wake_at and its event.",
    buckets=(0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600),
)
WAKES = Counter("enlarger_wakes", "Events that the clock emitted, by stage.", ["stage"])
