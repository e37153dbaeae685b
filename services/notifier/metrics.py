"""What the notifier measures."""

from prometheus_client import Counter

MAILS = Counter("enlarger_mails", "Mails handed to the server, by kind and how it answered.", ["kind", "outcome"])
