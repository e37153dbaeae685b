"""Events that come before the payment that they are about: a refund or dispute of a payment that no job knows yet.

They wait under the payment's name, and are caught up with in the transaction that takes it. Who looks for the job and
who takes the payment go one after the other, so that neither misses the other.
"""

from uuid import UUID

from common.database import Transaction
from services.ingest.money.reversals import Reversal, learn


def alone(tx: Transaction, payment_intent: str) -> None:
    """Until the commit nobody else is here with this payment."""
    tx.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [payment_intent])


def catch_up(tx: Transaction, job_id: UUID, payment_intent: str, *, revoke: bool) -> bool:
    """Learn what was told about this payment before; whether anything was. `revoke`: links end with a dispute."""
    alone(tx, payment_intent)
    rows = tx.execute(
        """UPDATE stripe_events SET job_id = %(job)s, outcome = 'caught_up'
           WHERE payment_intent = %(intent)s AND job_id IS NULL RETURNING type, payload""",
        {"job": job_id, "intent": payment_intent},
    ).fetchall()
    for kind, payload in rows:
        learn(tx, job_id, Reversal(kind, payload["data"]["object"]), revoke=revoke)
    return bool(rows)
