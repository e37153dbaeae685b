"""How many orders there are of what kind: quick however many there are, each from an index of its own."""

from common.admin.listing import UNDER_WAY
from common.admin.reading import Row, rows
from common.database import Transaction


def under_way(tx: Transaction) -> list[Row]:
    """The stages that are moving: how many orders, how many of them held and late, and the longest wait in seconds."""
    found = {row["stage"]: row for row in rows(tx, _UNDER_WAY, {})}
    none = {"orders": 0, "held": 0, "late": 0, "tries": 0, "oldest_s": None}
    return [found.get(stage, {"stage": stage.value, **none}) for stage in UNDER_WAY]


def held(tx: Transaction) -> list[Row]:
    """How many orders are held for which reason, most first."""
    return rows(tx, _HELD, {})


def in_flight(tx: Transaction) -> int:
    """Attempts that take a place at the provider."""
    return int(rows(tx, _IN_FLIGHT, {})[0]["attempts"])


def today(tx: Transaction) -> list[Row]:
    """What was booked since midnight (UTC), by currency: orders paid, refunds, and cents."""
    tx.execute("SET LOCAL enable_bitmapscan = on")  # the books are found by their time through a BRIN index
    return rows(tx, _TODAY, {})


_UNDER_WAY = f"""
    SELECT stage, count(*) AS orders, count(*) FILTER (WHERE hold_reason IS NOT NULL) AS held,
           count(*) FILTER (WHERE promise_at <= now() AND completed_at IS NULL AND failed_at IS NULL) AS late,
           count(*) FILTER (WHERE tries > 0) AS tries,
           extract(epoch FROM now() - min(COALESCE(paid_at, created_at)))::float8 AS oldest_s
    FROM jobs WHERE stage IN ({", ".join(f"'{stage}'" for stage in UNDER_WAY)}) AND NOT canary GROUP BY stage
"""
_HELD = """
    SELECT hold_reason AS reason, count(*) AS orders FROM jobs WHERE hold_reason IS NOT NULL
    GROUP BY 1 ORDER BY 2 DESC, 1
"""
_IN_FLIGHT = """
    SELECT count(*) AS attempts FROM attempts WHERE ended_at IS NULL AND state IN ('claimed', 'open', 'unknown')
"""
_TODAY = """
    SELECT currency, count(*) FILTER (WHERE kind = 'charge') AS paid,
           count(*) FILTER (WHERE kind = 'refund') AS refunds,
           sum(CASE WHEN credit = 'sales' THEN amount_cents WHEN debit = 'sales' THEN -amount_cents ELSE 0 END)::bigint
               AS charged,
           sum(CASE WHEN debit = 'refunds' THEN amount_cents WHEN credit = 'refunds' THEN -amount_cents ELSE 0
               END)::bigint AS refunded,
           sum(CASE WHEN debit = 'provider_costs' THEN amount_cents WHEN credit = 'provider_costs' THEN -amount_cents
               ELSE 0 END)::bigint AS cost,
           sum(CASE WHEN debit = 'fees' THEN amount_cents WHEN credit = 'fees' THEN -amount_cents ELSE 0 END)::bigint
               AS fees
    FROM ledger WHERE at >= date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' GROUP BY 1 ORDER BY 1
"""
