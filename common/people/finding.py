"""Whose orders are whose: by the address that an order is written to, or that its payer gave to Stripe."""

import json
from uuid import UUID

from common.database import Transaction


def orders_of(tx: Transaction, address: str) -> list[UUID]:
    """The orders of the person with this address, oldest first. An order that was corrected to another address is its.

    What Stripe told is read from the first row to the last (no index is kept of it): some seconds for a million.
    """
    return [row[0] for row in _read(tx, _THEIRS, address)]


def mentions(tx: Transaction, address: str) -> list[UUID]:
    """Every order that knows this address, although it may be another person's by now."""
    return [row[0] for row in _read(tx, _MENTIONED, address)]


def _read(tx: Transaction, statement: str, address: str) -> list[tuple[UUID]]:
    tx.execute("SET LOCAL statement_timeout = 0")
    tx.execute("SET LOCAL enable_seqscan = on")  # elsewhere every statement finds its rows by key
    known = {"address": address.lower(), "quoted": json.dumps(address.lower(), ensure_ascii=False)}
    return list(tx.execute(statement.encode(), known).fetchall())


_TOLD = "SELECT job_id FROM stripe_events WHERE job_id IS NOT NULL AND strpos(lower(payload::text), %(quoted)s) > 0"
_THEIRS = f"""
    SELECT j.job_id FROM order_keys j WHERE j.address = %(address)s
       OR (j.job_id IN ({_TOLD})
           AND NOT EXISTS (SELECT FROM address_wishes w WHERE w.job_id = j.job_id AND w.confirmed_at IS NOT NULL)
           AND NOT EXISTS (SELECT FROM audit a WHERE a.job_id = j.job_id AND a.verb = 'email'))
    ORDER BY j.job_id
"""
_MENTIONED = f"""
    SELECT job_id FROM order_keys WHERE address = %(address)s
    UNION {_TOLD}
    UNION SELECT job_id FROM address_wishes WHERE lower(address) = %(address)s
    ORDER BY job_id
"""
