"""The faults that this stand-in has. How they are asked for and counted stands in `sandbox.faults`.

Fields beyond `fault`, `count`, `match` (a part of the call's path or body, or of the event's type or body) and
`seconds` stand beside the names that read them.
"""

NAMES = (
    "http_500",  # saved under the key, as at Stripe; "effect": true performs the effect all the same
    "http_429",
    "http_409",
    "timeout_after_accept",  # performs the effect, hangs up after `seconds` (30)
    "refuse_before",  # hangs up at once, no effect
    "slow",  # answers after `seconds` (5)
    "refund_pending",  # until told; "pending_reason": "processing", "insufficient_funds" or "charge_pending"
    "refund_fails_later",  # after `seconds` (1); "failure_reason"
    "insufficient_balance",
    "webhook_lost",
    "webhook_duplicate",
    "webhook_delay",  # by `seconds` (2)
    "webhook_reorder",  # goes after the next event, or after `seconds` (5) if none follows
    "webhook_bad_signature",  # this and the next two: "attempts": so many attempts of the event are spoilt (1)
    "webhook_old",
    "webhook_future",
)
