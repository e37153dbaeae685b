"""What the poller, the clock and the census measure."""

from prometheus_client import Counter, Gauge, Histogram

from common.figures import Figure
from common.metrics import SECONDS, from_zero

LOOKS = from_zero(
    Counter("enlarger_provider_polls", "Status checks, by what the provider said.", ["state"]),
    ("queued", "processing", "succeeded", "failed", "unclear"),
)
LOOK_SECONDS = Histogram(
    "enlarger_provider_poll_seconds", "Seconds until a status check was answered.", buckets=SECONDS
)
RESULTS = from_zero(
    Counter(
        "enlarger_provider_results",
        "Submissions found ended, by who told us of it first: the provider's webhook, or our own look.",
        ["outcome", "told_by"],
    ),
    ("succeeded", "failed"),
    ("webhook", "poll"),
)
WAKE_LATENESS = Histogram(
    "enlarger_wake_lateness_seconds",
    "Seconds between a job's wake_at and its event; for the stage watch this is how late polls are.",
    ["stage"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600),
)
WAKES = Counter("enlarger_wakes", "Events that the clock emitted, by stage.", ["stage"])

# --- the census: read from the database by one poller for all ------------------------------------------------------
JOBS = Figure("enlarger_jobs", "Jobs, by stage and status.", ("stage", "status"))
HELD = Figure("enlarger_jobs_held", "Jobs underway that wait for a person's decision, by stage.", ("stage",))
OLDEST = Figure(
    "enlarger_stage_oldest_seconds", "How long the oldest job that is not held has stood in its stage.", ("stage",)
)
UNSETTLED = Figure(
    "enlarger_paid_orders_unsettled",
    "Paid orders that are neither delivered nor refunded, by how long ago (in minutes, at least) they were paid.",
    ("older_than_minutes",),
)
DEADLINE_SLACK = Figure(
    "enlarger_deadline_slack_seconds",
    "The least time left to a deadline over all jobs; with no job before it, all of it. promise: its date; processing: "
    "the provider's time for a picture; result: the life of a result's link that is not fetched yet.",
    ("deadline",),
)
IN_FLIGHT = Figure("enlarger_provider_in_flight", "Submissions that hold a slot at the provider.", ("state",))
ATTENTION = Figure("enlarger_attention_open", "Open reasons for a person to look at a job.", ("reason",))
CLOCK_BEHIND = Figure("enlarger_clock_behind_seconds", "How long the job is overdue that should have woken first.")
BOOKS = Figure(
    "enlarger_account_cents",
    "Balance of each account of the books, in cents: what was debited less what was credited. Earnings are negative, "
    "expenses positive.",
    ("account", "currency"),
)
CREDITS = Figure("enlarger_credits", "Credits that the provider charged, of all submissions there ever were.")
CENSUS_SECONDS = Gauge("enlarger_census_seconds", "Seconds that the last count took.", ["count"])
CENSUS_AT = Figure("enlarger_census_timestamp_seconds", "When the last count was made (Unix time).", ("count",))
WAITING = Figure("enlarger_capacity_waiting_jobs", "Orders that wait for a place at the provider.")
BREAKER = Figure("enlarger_breaker_state", "0 closed, 1 half-open: one order tries, 2 open: they wait.", ("breaker",))
HELD_BY_RULE = Figure("enlarger_held_jobs", "Orders held by the budget or by the refund brake.", ("reason",))
CANARY_OVERDUE = Figure(
    "enlarger_canary_overdue_seconds",
    "How long a canary should have come through by now; below 0: until one should. Only where CANARY_EVERY_MIN is set.",
)
CANARY_STAGES = Figure(
    "enlarger_canary_stage_seconds", "Seconds that the last canary that came through spent in each stage.", ("stage",)
)
BUDGET_SPENT = Figure("enlarger_budget_spent", "Spent at the provider in this period (UTC).", ("period", "unit"))
BUDGET_LIMIT = Figure("enlarger_budget_limit", "What may be spent in a period.", ("period", "unit"))
BUDGET_LASTS = Figure(
    "enlarger_budget_lasts_seconds", "Until the month's budget ends as it goes, or the month does.", ("unit",)
)
# --- the current month (UTC): the orders paid in it, and what was booked in it -------------------------------------
MONTH_ORDERS = Figure("enlarger_month_orders", "Orders paid this month, by what became of them.", ("outcome",))
MONTH_COMPLETION = Figure(
    "enlarger_month_completion_ratio", "Of the orders paid this month that have ended, the share that was delivered."
)
MONTH_SECONDS = Figure(
    "enlarger_month_delivery_seconds",
    "From payment to delivery, of the orders paid this month: their average, and their 95th percentile.",
    ("statistic",),
)
MONTH_ERRORS = Figure(
    "enlarger_month_error_ratio", "Of the orders paid this month, the share that failed, by reason.", ("reason",)
)
MONTH_CENTS = Figure(
    "enlarger_month_cents",
    "What was booked this month, in cents: revenue, what is taken from it, and the margin that is left.",
    ("currency", "what"),
)
