"""What the finisher measures."""

from prometheus_client import Counter, Histogram

from common.metrics import from_zero

DOWNLOADED = Counter("enlarger_result_bytes", "Bytes of results downloaded.")
FINISH_SECONDS = Histogram(
    "enlarger_finish_seconds",
    "Seconds to download, check and store a result.",
    buckets=(0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300),
)
SCORES = Histogram(
    "enlarger_quality_ratio",
    "Results compared with their sources: 1 is the best, below 0.5 a check fails.",
    ["outcome"],
    buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0),
)
CHECKS_FAILED = Counter("enlarger_check_failures", "Results that failed a check, by kind.", ["kind"])
REFUNDS = from_zero(
    Counter("enlarger_refunds", "Refund calls, by how Stripe answered.", ["outcome"]),
    ("succeeded", "pending", "failed", "RefundRejected", "RefundUnclear", "RefundedElsewhere"),
)
BRAKED = Counter("enlarger_refunds_braked", "Refunds that the brake holds until a person releases them.")
