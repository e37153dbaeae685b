"""What the HTTP edge measures."""

from prometheus_client import Counter, Histogram

from common.metrics import SECONDS, from_zero

REQUESTS = Counter("enlarger_http_requests", "Requests, by route and answer.", ["method", "route", "status"])
REQUEST_SECONDS = Histogram("enlarger_http_seconds", "Seconds to the end of the answer.", ["route"], buckets=SECONDS)
CHECKOUTS = Counter("enlarger_checkouts", "Orders made, by how they reached the payment page.", ["kind", "outcome"])
NOT_SOLD = from_zero(
    Counter("enlarger_orders_not_sold", "Orders that could not have been delivered in time, by reason.", ["reason"]),
    ("breaker", "backlog", "budget"),
)
STRIPE_EVENTS = Counter("enlarger_stripe_events", "Stripe's events, by what became of them.", ["type", "outcome"])
STRIPE_CALLS = Counter("enlarger_stripe_calls", "Calls to Stripe, by how they were answered.", ["call", "outcome"])
STRIPE_SECONDS = Histogram("enlarger_stripe_seconds", "Seconds until Stripe answered.", ["call"])
PAYMENTS = Counter("enlarger_payments", "Payments taken, by who learnt of them first.", ["source"])
PAYMENT_CENTS = Counter("enlarger_payment_cents", "Cents charged.", ["currency"])
HINTS = from_zero(
    Counter("enlarger_provider_hints", "The provider's webhooks, by what they were worth.", ["outcome"]),
    ("hint", "late", "forged"),
)
UNPUBLISHED = Counter("enlarger_unpublished", "Events that the broker did not take; the clock brings them.", ["event"])
UPLOADS = Counter("enlarger_uploads", "Pictures sent by customers, by what became of them.", ["outcome"])
MEDIA_LOOKUPS = Counter("enlarger_media_lookups", "Questions to WordPress about a picture, by answer.", ["outcome"])
DOWNLOADS = Counter("enlarger_downloads", "Downloads served to the last byte.")
DOWNLOAD_BYTES = Counter("enlarger_download_bytes", "Bytes of finished pictures served.")
BAD_TOKENS = Counter("enlarger_bad_admin_tokens", "Requests with a wrong ADMIN_TOKEN.")
LIMITED = Counter("enlarger_http_limited", "Requests refused because their client asked too often.")
SLOW = Counter("enlarger_http_slow", "Requests given up because they did not arrive in time.", ["part"])
RATINGS = Counter("enlarger_ratings", "Orders rated by their customers, by stars.", ["stars"])
