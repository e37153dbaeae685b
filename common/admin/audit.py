"""Who decided what, when and why: a row per decision."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from common.database import Transaction


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's decision. `request_id` makes its repeats one decision; `actor` is a name, `why` for the record."""

    actor: str
    why: str = ""
    request_id: str | None = None

    @property
    def author(self) -> str:
        """How the history names it."""
        return f"admin:{self.actor}"


@dataclass(frozen=True, slots=True)
class Entry:
    """An audit row that is there already."""

    verb: str
    job_id: UUID | None
    told: str


def find(tx: Transaction, request_id: str) -> Entry | None:
    """The decision that was made under this request id, if one was."""
    row = tx.execute(
        "SELECT verb, job_id, detail->>'told' FROM audit WHERE request_id = %(id)s", {"id": request_id}
    ).fetchone()
    return Entry(row[0], row[1], row[2] or "") if row else None


def record(tx: Transaction, decision: Decision, verb: str, job_id: UUID | None, detail: Mapping[str, Any]) -> None:
    """Write the decision down, in the transaction that carries it out."""
    tx.execute(
        """INSERT INTO audit (actor, verb, job_id, why, request_id, detail)
           VALUES (%(actor)s, %(verb)s, %(job)s, %(why)s, %(request)s, %(detail)s)""",
        {
            "actor": decision.actor,
            "verb": verb,
            "job": job_id,
            "why": decision.why,
            "request": decision.request_id,
            "detail": json.dumps(detail),
        },
    )


def not_sent(tx: Transaction, job_id: UUID, verb: str) -> None:
    """The broker did not take what this job's last decision had to say."""
    tx.execute(
        """UPDATE audit SET detail = detail || '{"sent": false}' WHERE audit_id = (
               SELECT max(audit_id) FROM audit WHERE job_id = %(job)s AND verb = %(verb)s)""",
        {"job": job_id, "verb": verb},
    )
