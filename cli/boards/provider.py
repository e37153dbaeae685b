"""The dashboard *provider and quality*: how the provider answers, and whether what it makes is any good."""

from cli.boards.panel import Board, Panel, Query, Row, in_range, per_s, quantiles

ANSWERS = Row(
    "The provider's answers",
    (
        Panel(
            "Submissions",
            "ops",
            "Submissions a second, by how they were answered.",
            "ProviderErrors",
            (per_s("enlarger_provider_submissions_total", "outcome"),),
        ),
        Panel(
            "Seconds of a submission",
            "s",
            "Until a submission was answered.",
            "ProviderErrors",
            quantiles("enlarger_provider_submission_seconds"),
        ),
        Panel(
            "At the provider",
            "short",
            "Submissions that hold a slot, by their state: claimed (being sent), open, unknown (no answer came).",
            "ProviderErrors",
            (Query("max by (state) (enlarger_provider_in_flight)", "{{state}}"),),
        ),
        Panel(
            "Status checks",
            "ops",
            "Status checks a second, by what the provider said.",
            "ProviderErrors",
            (per_s("enlarger_provider_polls_total", "state"),),
        ),
        Panel(
            "Seconds of a status check",
            "s",
            "Until a status check was answered.",
            "ProviderErrors",
            quantiles("enlarger_provider_poll_seconds"),
        ),
        Panel(
            "Time at the provider",
            "s",
            "Time in the stage watch: from submission to a result or a failure.",
            "ProviderErrors",
            quantiles("enlarger_stage_seconds", where='stage="watch"'),
        ),
    ),
)
CAPACITY = Row(
    "Capacity",
    (
        Panel(
            "Breaker",
            "short",
            "0 closed; 1 half-open: one order tries; 2 open: orders wait.",
            "BreakerOpen",
            (Query("max by (breaker) (enlarger_breaker_state)", "{{breaker}}"),),
        ),
        Panel(
            "Waiting for a place",
            "short",
            "Orders that wait for a place or a slot time at the provider: more replicas do not help them.",
            "ProviderErrors",
            (Query("max(enlarger_capacity_waiting_jobs)", "orders"),),
        ),
    ),
)
WEBHOOKS = Row(
    "Webhooks and polling",
    (
        Panel(
            "Who told us of an end",
            "ops",
            "Submissions found ended a second, by who told us first. Only polls: the webhooks went silent.",
            "WebhooksSilent",
            (per_s("enlarger_provider_results_total", "told_by"),),
        ),
        Panel(
            "Webhooks received",
            "ops",
            "hint: of use; late: the attempt had ended; forged: the signature was wrong.",
            "WebhooksSilent",
            (per_s("enlarger_provider_hints_total", "outcome"),),
        ),
        Panel(
            "Lateness of polls",
            "s",
            "Between the instant at which a poll was due and its event.",
            "ClockLate",
            quantiles("enlarger_wake_lateness_seconds", where='stage="watch"'),
        ),
    ),
)
QUALITY = Row(
    "Results",
    (
        Panel(
            "Ended well and badly",
            "short",
            "Submissions found ended in the time shown.",
            "ProviderErrors",
            (in_range("enlarger_provider_results_total", "outcome"),),
            "bars",
        ),
        Panel(
            "Failed checks",
            "short",
            "Results that were refused in the time shown, by the check that they failed.",
            "ChecksFail",
            (in_range("enlarger_check_failures_total", "kind"),),
            "bars",
        ),
        Panel(
            "Suspected doubles",
            "short",
            "Submissions whose answer was lost, in the time shown: maybe paid twice.",
            "ProviderErrors",
            (in_range("enlarger_provider_suspected_doubles_total"),),
            "stat",
            warn=1,
            bad=5,
        ),
        Panel(
            "Download, check and store",
            "s",
            "Time that a result takes in the finisher.",
            "ChecksFail",
            quantiles("enlarger_finish_seconds"),
        ),
        Panel(
            "Bytes of results",
            "Bps",
            "What is downloaded from the provider.",
            "DiskFull",
            (Query("sum(rate(enlarger_result_bytes_total[$__rate_interval]))", "downloaded"),),
        ),
        Panel(
            "Words that we do not know",
            "short",
            "Statuses of the provider that we take for still processing.",
            "ProviderErrors",
            (in_range("enlarger_provider_unknown_statuses_total"),),
            "stat",
            warn=1,
            bad=10,
        ),
    ),
)
PROVIDER = Board(
    "enlarger-provider", "Enlarger: provider and quality",
    "How the provider answers, and whether what it makes is any good.", (ANSWERS, CAPACITY, WEBHOOKS, QUALITY),
)  # fmt: skip
