"""The dashboard *money*: what was taken, given back and spent."""

from cli.boards.panel import Board, Panel, Query, Row, in_range, per_s

OUTCOME = "sales|fees|refunds|disputes|provider_costs"
BOOKS = Row(
    "The books, since their beginning",
    (
        Panel(
            "Sales",
            "currencyUSD",
            "What was charged, whatever became of it.",
            "RefundsFail",
            (Query('-sum(enlarger_account_cents{account="sales"}) / 100'),),
            "stat",
        ),
        Panel(
            "Refunds",
            "currencyUSD",
            "What was given back.",
            "RefundsFail",
            (Query('sum(enlarger_account_cents{account="refunds"}) / 100'),),
            "stat",
        ),
        Panel(
            "Provider's cost",
            "currencyUSD",
            "What the provider's credits cost us.",
            "ProviderErrors",
            (Query('sum(enlarger_account_cents{account="provider_costs"}) / 100'),),
            "stat",
        ),
        Panel(
            "Earned",
            "currencyUSD",
            "Sales less Stripe's fees, refunds, disputes and the provider's cost.",
            "RefundsFail",
            (Query(f'-sum(enlarger_account_cents{{account=~"{OUTCOME}"}}) / 100'),),
            "stat",
            may_be_negative=True,
        ),
        Panel(
            "Margin",
            "percentunit",
            "What was earned, as a share of sales.",
            "RefundsFail",
            (
                Query(
                    f'-sum(enlarger_account_cents{{account=~"{OUTCOME}"}})'
                    ' / -sum(enlarger_account_cents{account="sales"})'
                ),
            ),
            "stat",
            may_be_negative=True,
        ),
        Panel(
            "Credits",
            "short",
            "Credits that the provider charged.",
            "ProviderErrors",
            (Query("max(enlarger_credits)"),),
            "stat",
        ),
    ),
)
BUDGET = Row(
    "Budget",
    (
        Panel(
            "Budget spent",
            "percentunit",
            "Of each budget that is set, what is spent in its period; with a hard stop orders are held at 1.",
            "BudgetNearlySpent",
            (
                Query(
                    "max by (period, unit) (enlarger_budget_spent / enlarger_budget_limit)",
                    "{{unit}} of the {{period}}",
                ),
            ),
        ),
        Panel(
            "The month's budget lasts",
            "s",
            "As fast as it goes now: until it is spent, or until the month is over.",
            "BudgetNearlySpent",
            (Query("min by (unit) (enlarger_budget_lasts_seconds)", "{{unit}}"),),
        ),
        Panel(
            "Held by budget or brake",
            "short",
            "Orders that wait for the next period or for a person.",
            "RefundsHeld",
            (Query("sum by (reason) (enlarger_held_jobs)", "{{reason}}"),),
        ),
    ),
)
TAKEN = Row(
    "In the time shown",
    (
        Panel(
            "Taken",
            "currencyUSD",
            "What customers paid.",
            "RefundsFail",
            (Query("sum(increase(enlarger_payment_cents_total[$__range])) / 100"),),
            "stat",
        ),
        Panel(
            "Given back",
            "currencyUSD",
            "What was refunded, here or in Stripe's dashboard.",
            "RefundsFail",
            (Query("sum(increase(enlarger_refunded_cents_total[$__range])) / 100"),),
            "stat",
        ),
        Panel(
            "Orders paid",
            "short",
            "Payments, whoever told us of them first.",
            "RefundsFail",
            (in_range("enlarger_payments_total"),),
            "stat",
        ),
        Panel(
            "Payment pages opened",
            "short",
            "Orders that reached Stripe's payment page.",
            "StripeErrors",
            (in_range("enlarger_checkouts_total", where='outcome="opened"'),),
            "stat",
        ),
    ),
)
FLOW = Row(
    "Payments and refunds",
    (
        Panel(
            "Earned and spent",
            "currencyUSD",
            "Each account's balance: earnings below zero, expenses above.",
            "RefundsFail",
            (Query(f'sum by (account) (enlarger_account_cents{{account=~"{OUTCOME}"}}) / 100', "{{account}}"),),
            may_be_negative=True,
        ),
        Panel(
            "Payments, by who told us",
            "ops",
            "Payments a second: Stripe's webhook, or our own check after it.",
            "StripeErrors",
            (per_s("enlarger_payments_total", "source"),),
        ),
        Panel(
            "Refunds",
            "ops",
            "Refund calls a second, by how Stripe answered.",
            "RefundsFail",
            (per_s("enlarger_refunds_total", "outcome"),),
        ),
        Panel(
            "Stripe's events",
            "ops",
            "Events a second, by what became of them.",
            "StripeErrors",
            (per_s("enlarger_stripe_events_total", "outcome"),),
        ),
        Panel(
            "Calls to Stripe",
            "ops",
            "Calls of the shop's front a second, by how they were answered.",
            "StripeErrors",
            (per_s("enlarger_stripe_calls_total", "outcome"),),
        ),
    ),
)
MONTH = Row(
    "This month (UTC)",
    (
        Panel(
            "Completion",
            "percentunit",
            "Of the orders paid this month that have ended, the share that was delivered.",
            "RefundsFail",
            (Query("max(enlarger_month_completion_ratio)"),),
            "stat",
        ),
        Panel(
            "Payment to delivery",
            "s",
            "Average and 95th percentile of the orders paid this month.",
            "ProviderErrors",
            (Query("max by (statistic) (enlarger_month_delivery_seconds)", "{{statistic}}"),),
            "stat",
        ),
        Panel(
            "Failures by reason",
            "percentunit",
            "Of the orders paid this month, the share that failed, by reason.",
            "ProviderErrors",
            (Query("max by (reason) (enlarger_month_error_ratio) > 0", "{{reason}}"),),
            "bars",
        ),
        Panel(
            "Revenue, cost and margin",
            "currencyUSD",
            "What was booked this month.",
            "RefundsFail",
            (
                Query(
                    'max by (what, currency) (enlarger_month_cents{what=~"revenue|cost|margin"}) / 100',
                    "{{what}} {{currency}}",
                ),
            ),
            "stat",
            may_be_negative=True,
        ),
    ),
)
MONEY = Board(
    "enlarger-money", "Enlarger: money", "What was taken, given back and spent.", (MONTH, BOOKS, BUDGET, TAKEN, FLOW),
)  # fmt: skip
