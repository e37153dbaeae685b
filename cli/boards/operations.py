"""The dashboard *operations*: are the processes and the servers under them well?"""

from cli.boards.panel import Board, Panel, Query, Row, in_range, per_s, quantiles

HERE = 'job="enlarger", service=~"$service"'
WORKERS = Row(
    "Workers",
    (
        Panel(
            "Workers up",
            "short",
            "Replicas that answer, by service.",
            "WorkerDown",
            (Query(f"sum by (service) (up{{{HERE}}})", "{{service}}"),),
            "stat",
        ),
        Panel(
            "Clock behind",
            "s",
            "How long the job is overdue that should have woken first.",
            "ClockLate",
            (Query("max(enlarger_clock_behind_seconds)"),),
            "stat",
            warn=10,
            bad=30,
        ),
        Panel(
            "CPU",
            "percentunit",
            "Of one core, by service.",
            "WorkerDown",
            (Query(f"sum by (service) (rate(process_cpu_seconds_total{{{HERE}}}[$__rate_interval]))", "{{service}}"),),
        ),
        Panel(
            "Memory",
            "bytes",
            "Resident memory, by service.",
            "WorkerDown",
            (Query(f"sum by (service) (process_resident_memory_bytes{{{HERE}}})", "{{service}}"),),
        ),
        Panel(
            "Running since",
            "s",
            "Age of the youngest process of each service: a short one that repeats is a crash.",
            "WorkerDown",
            (Query(f"min by (service) (time() - process_start_time_seconds{{{HERE}}})", "{{service}}"),),
        ),
        Panel(
            "What runs",
            "short",
            "Replicas, by service and version.",
            "WorkerDown",
            (
                Query(
                    'count by (service, version) (enlarger_build_info{service=~"$service"})', "{{service}} {{version}}"
                ),
            ),
            "bars",
        ),
    ),
)
CLOCK = Row(
    "Clock and mails",
    (
        Panel(
            "Wake-ups",
            "ops",
            "Events that the clock emitted a second, by stage.",
            "ClockLate",
            (per_s("enlarger_wakes_total", "stage"),),
        ),
        Panel(
            "Lateness of wake-ups",
            "s",
            "Between a job's instant and its event.",
            "ClockLate",
            quantiles("enlarger_wake_lateness_seconds"),
        ),
        Panel(
            "Mails",
            "ops",
            "Mails handed over a second, by how the server answered.",
            "MailsFail",
            (per_s("enlarger_mails_total", "outcome"),),
        ),
        Panel(
            "Mails by kind",
            "short",
            "Mails accepted in the time shown.",
            "MailsFail",
            (in_range("enlarger_mails_total", "kind", 'outcome="sent"'),),
            "bars",
        ),
    ),
)
EDGE = Row(
    "The shop's front",
    (
        Panel(
            "Requests",
            "reqps",
            "By answer.",
            "HttpErrors",
            (per_s("enlarger_http_requests_total", "status"),),
        ),
        Panel(
            "Seconds of a request",
            "s",
            "Over all routes.",
            "HttpErrors",
            quantiles("enlarger_http_seconds"),
        ),
        Panel(
            "Downloads",
            "short",
            "Pictures downloaded to the last byte, in the time shown.",
            "HttpErrors",
            (in_range("enlarger_downloads_total"),),
            "stat",
        ),
        Panel(
            "Bytes served",
            "Bps",
            "Finished pictures on their way to customers.",
            "HttpErrors",
            (Query("sum(rate(enlarger_download_bytes_total[$__rate_interval]))", "served"),),
        ),
    ),
)
SERVERS = Row(
    "Servers and counts",
    (
        Panel(
            "Consumers",
            "short",
            "Consumers of each queue: 0 means that nobody works on it.",
            "QueueWithoutConsumer",
            (Query('sum by (queue) (rabbitmq_detailed_queue_consumers{queue!~".+[.]dead"})', "{{queue}}"),),
        ),
        Panel(
            "Never confirmed",
            "short",
            "Publishes in the time shown that the broker did not confirm, by event. The clock repeats them.",
            "PublishesUnconfirmed",
            (in_range("enlarger_publishes_unconfirmed_total", "event"),),
            "bars",
        ),
        Panel(
            "Free where pictures are kept",
            "bytes",
            "Of the local folder; an object store shows none.",
            "DiskFull",
            (Query("min by (folder) (enlarger_storage_free_bytes)", "{{folder}}"),),
        ),
        Panel(
            "Free for the broker",
            "bytes",
            "Disk left to RabbitMQ, and the limit at which it stops publishers.",
            "DiskFull",
            (
                Query("min(rabbitmq_disk_space_available_bytes)", "free"),
                Query("max(rabbitmq_disk_space_available_limit_bytes)", "limit"),
            ),
        ),
        Panel(
            "Canary overdue",
            "s",
            "How long an order of our own is overdue; below 0 all is well. CANARY_EVERY_MIN sends them.",
            "CanaryLate",
            (Query("max(enlarger_canary_overdue_seconds)"),),
            "stat",
            warn=300,
            bad=900,
            may_be_negative=True,
        ),
        Panel(
            "Canary, stage by stage",
            "s",
            "What the last one that came through spent in each stage.",
            "CanaryLate",
            (Query("max by (stage) (enlarger_canary_stage_seconds)", "{{stage}}"),),
            "bars",
        ),
        Panel(
            "All jobs, by status",
            "short",
            "Every job that is known, the settled ones too.",
            "NoCensus",
            (Query("sum by (status) (enlarger_jobs)", "{{status}}"),),
            "bars",
        ),
        Panel(
            "Age of the counts",
            "s",
            "Since jobs were counted last; nothing at all means that nobody counts.",
            "NoCensus",
            (Query("time() - max by (count) (enlarger_census_timestamp_seconds)", "{{count}}"),),
        ),
        Panel(
            "Cost of the counts",
            "s",
            "What the last count took of the database.",
            "NoCensus",
            (Query("max by (count) (enlarger_census_seconds)", "{{count}}"),),
        ),
    ),
)
OPERATIONS = Board(
    "enlarger-operations", "Enlarger: operations", "Are the processes and the servers under them well?",
    (WORKERS, CLOCK, EDGE, SERVERS),
)  # fmt: skip
