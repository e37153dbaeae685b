"""What the submitter measures of the provider."""

from prometheus_client import Counter, Histogram

from common.metrics import SECONDS, from_zero

SUBMISSIONS = from_zero(
    Counter("enlarger_provider_submissions", "Submissions, by how they were answered.", ["outcome"]),
    ("Report", "NotAccepted", "Unknown", "PictureRefused", "OurTrouble"),
)
SUBMISSION_SECONDS = Histogram(
    "enlarger_provider_submission_seconds", "Seconds until a submission was answered.", buckets=SECONDS
)
SOURCES = from_zero(
    Counter("enlarger_sources", "Looks at sources before the provider is paid, by answer.", ["answer"]),
    ("Fit", "Bad", "Missing", "NotSeen"),
)
SUSPECTED_DOUBLES = Counter("enlarger_provider_suspected_doubles", "Submissions whose answer was lost.")
