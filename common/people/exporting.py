"""Everything that is kept about a person, as one document: for the person who asks what it is."""

from typing import Any
from uuid import UUID

from common.database import Transaction
from common.people import finding

# A token's hash, and the keyed hash of a download's client, tell nobody anything.
HIDDEN = ("token_hash", "client")


def export_person(tx: Transaction, address: str) -> dict[str, Any]:
    """The orders of the person with this address, each with every row about it, by table."""
    return {"address": address, "orders": [_order(tx, job_id) for job_id in finding.orders_of(tx, address)]}


def tables(tx: Transaction) -> list[str]:
    """Every table whose rows are about orders, as the schema itself says: a new one is exported from its first day."""
    rows = tx.execute(
        """SELECT c.table_name FROM information_schema.columns c JOIN information_schema.tables t
               USING (table_schema, table_name)
           WHERE c.table_schema = 'public' AND c.column_name = 'job_id' AND t.table_type = 'BASE TABLE'
           ORDER BY 1"""
    )
    return [row[0] for row in rows]


def _order(tx: Transaction, job_id: UUID) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for table in tables(tx):
        found = _rows(tx, f'SELECT to_jsonb(t) FROM "{table}" t WHERE job_id = %(job)s', job_id)
        if found:
            told[table] = found
    told |= {name: found for name, statement in _MORE.items() if (found := _rows(tx, statement, job_id))}
    return told


def _rows(tx: Transaction, statement: str, job_id: UUID) -> list[dict[str, Any]]:
    rows = [row[0] for row in tx.execute(statement.encode(), {"job": job_id})]
    return [{name: value for name, value in row.items() if name not in HIDDEN} for row in rows]


_MORE = {
    "uploads": "SELECT to_jsonb(u) FROM uploads u JOIN jobs j USING (upload_id) WHERE j.job_id = %(job)s",
    "downloads": "SELECT to_jsonb(d) FROM downloads d JOIN links l USING (token_hash) WHERE l.job_id = %(job)s",
}
