"""What the notifier measures."""

from prometheus_client import Counter

from common.metrics import from_zero

MAILS = from_zero(
    Counter("enlarger_mails", "Mails handed to the server, by kind and how it answered.", ["kind", "outcome"]),
    ("ready", "refunded", "expiring", "attention"),
    ("sent", "notsent", "rejected"),
)
