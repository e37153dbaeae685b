"""The dashboard *pipeline*: does every paid order end in time, and where does it wait?"""

from cli.boards.panel import Board, Panel, Query, Row, in_range, per_s, quantiles

PROMISE = Row(
    "The promise: every paid order is delivered or refunded",
    (
        Panel(
            "Paid and unsettled for an hour",
            "short",
            "Paid orders that an hour later are neither delivered nor refunded. Anything but 0 wants a look.",
            "PaidOrdersUnsettled",
            (Query('max(enlarger_paid_orders_unsettled{older_than_minutes="60"})'),),
            "stat",
            warn=1,
            bad=5,
        ),
        Panel(
            "Least time left of a promise",
            "s",
            "Over all paid orders that are not delivered. With none waiting it is the whole promise.",
            "PromiseAtRisk",
            (Query('min(enlarger_deadline_slack_seconds{deadline="promise"})'),),
            "stat",
        ),
        Panel(
            "Paid orders underway",
            "short",
            "Paid orders that are neither delivered nor refunded, however new.",
            "PaidOrdersUnsettled",
            (Query('max(enlarger_paid_orders_unsettled{older_than_minutes="0"})'),),
            "stat",
        ),
        Panel(
            "Delivered",
            "short",
            "Orders delivered in the time shown.",
            "StageStalled",
            (in_range("enlarger_order_to_delivery_seconds_count"),),
            "stat",
        ),
        Panel(
            "Refunded",
            "short",
            "Orders refunded in the time shown.",
            "RefundsFail",
            (in_range("enlarger_order_to_refund_seconds_count"),),
            "stat",
            warn=1,
            bad=20,
        ),
        Panel(
            "Needs attention",
            "short",
            "Open reasons for a person to look at a job.",
            "NeedsAttention",
            (Query("sum(enlarger_attention_open)"),),
            "stat",
            warn=1,
            bad=10,
        ),
    ),
)
ORDERS = Row(
    "Orders",
    (
        Panel(
            "Payment to delivery",
            "s",
            "How long customers wait for their picture.",
            "StageStalled",
            quantiles("enlarger_order_to_delivery_seconds"),
        ),
        Panel(
            "Paid and unsettled, by age",
            "short",
            "Each line counts the orders paid at least so many minutes ago.",
            "PaidOrdersUnsettled",
            (Query("max by (older_than_minutes) (enlarger_paid_orders_unsettled)", "{{older_than_minutes}} min"),),
        ),
        Panel(
            "Slack to each deadline",
            "s",
            "The least time left over all jobs: to the promise, to the provider's time-out, to the end of a result's "
            "link. Negative is missed.",
            "PromiseAtRisk",
            (Query("min by (deadline) (enlarger_deadline_slack_seconds)", "{{deadline}}"),),
            may_be_negative=True,
        ),
    ),
)
STAGES = Row(
    "Stages",
    (
        Panel(
            "Into each stage",
            "ops",
            "Jobs that entered a stage, a second.",
            "StageStalled",
            (per_s("enlarger_stage_moves_total", "to"),),
        ),
        Panel(
            "In each stage",
            "short",
            "Jobs that stand in a stage now (those asleep or settled are left out).",
            "StageStalled",
            (Query('sum by (stage) (enlarger_jobs{stage!~"remind|keep|settled"})', "{{stage}}"),),
        ),
        Panel(
            "Out of each stage",
            "ops",
            "Jobs that left a stage, a second.",
            "StageStalled",
            (per_s("enlarger_stage_moves_total", "stage"),),
        ),
        Panel(
            "Time in each stage",
            "s",
            "95th percentile of the time in the stage, of the jobs that left it.",
            "StageStalled",
            (quantiles("enlarger_stage_seconds", "stage")[1],),
        ),
        Panel(
            "Longest in each stage",
            "s",
            "How long the oldest job has stood in its stage; held ones are left out.",
            "StageStalled",
            (Query("max by (stage) (enlarger_stage_oldest_seconds)", "{{stage}}"),),
        ),
        Panel(
            "Since a lane last did something",
            "s",
            "Seconds since each lane settled its last delivery.",
            "StageStalled",
            (Query("time() - max by (lane) (enlarger_last_processed_timestamp_seconds)", "{{lane}}"),),
        ),
    ),
)
LANES = Row(
    "Lanes and queues",
    (
        Panel(
            "Ready in each queue",
            "short",
            "Messages that wait for a worker: the signal to scale that worker on.",
            "QueueWithoutConsumer",
            (Query('sum by (queue) (rabbitmq_detailed_queue_messages_ready{queue!~".+[.]dead"})', "{{queue}}"),),
        ),
        Panel(
            "In progress in each lane",
            "short",
            "Deliveries that were taken and are not settled yet.",
            "StageStalled",
            (Query('sum by (lane) (enlarger_lane_in_progress{service=~"$service"})', "{{lane}}"),),
        ),
        Panel(
            "What lanes decided",
            "ops",
            "Deliveries settled, a second, by what was decided.",
            "DeadLetters",
            (per_s("enlarger_events_consumed_total", "outcome", 'service=~"$service"'),),
        ),
        Panel(
            "Handling a delivery",
            "s",
            "From taking a delivery to its commit, 95th percentile.",
            "StageStalled",
            (quantiles("enlarger_handler_seconds", "lane", 'service=~"$service"')[1],),
        ),
        Panel(
            "Retries and redeliveries",
            "ops",
            "Transient failures that were counted as tries, and messages that came again.",
            "StageStalled",
            (
                Query('sum(rate(enlarger_events_consumed_total{outcome="retried"}[$__rate_interval]))', "retries"),
                Query("sum(rate(enlarger_redeliveries_total[$__rate_interval]))", "redeliveries"),
            ),
        ),
        Panel(
            "Dead letters",
            "short",
            "Messages in the dead-letter queues: each wants a person.",
            "DeadLetters",
            (Query('sum by (queue) (rabbitmq_detailed_queue_messages_ready{queue=~".+[.]dead"})', "{{queue}}"),),
        ),
    ),
)
PIPELINE = Board(
    "enlarger-pipeline", "Enlarger: pipeline", "Does every paid order end in time, and where does it wait?",
    (PROMISE, ORDERS, STAGES, LANES),
)  # fmt: skip
