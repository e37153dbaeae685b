"""What the submitter measures of the provider."""

from prometheus_client import Counter, Histogram

SUBMISSIONS = Counter("enlarger_provider_submissions", "Submissions, by how they were answered.", ["outcome"])
SUBMISSION_SECONDS = Histogram("enlarger_provider_submission_seconds", "Seconds until a submission was answered.")
SUSPECTED_DOUBLES = Counter("enlarger_provider_suspected_doubles", "Submissions whose answer was lost.")
