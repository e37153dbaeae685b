"""Mails that no stage waits for. The row is the intent; the notifier sends it.

Notices go to the operator and are about no job. Others tell a customer of what moved no stage.
"""

import json
from collections.abc import Mapping
from uuid import UUID

from common.database import Transaction

KIND = "notice"


def this_hour(tx: Transaction) -> str:
    """The hour of the database's clock (UTC), to be told of something once in it: 2026-11-22T14."""
    row = tx.execute("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24')").fetchone()
    return str(row[0]) if row else ""


def tell(tx: Transaction, about: str, subject: str, text: str) -> bool:
    """Have the operator told once about this; False when somebody has done so already. `text`: paragraphs."""
    return _write(tx, KIND, about, None, {"subject": subject, "text": text})


def tell_customer(tx: Transaction, kind: str, about: str, job_id: UUID, detail: Mapping[str, object]) -> bool:
    """Have the customer of this job told once about this; `detail`: what the letter of this kind says."""
    return _write(tx, kind, about, job_id, detail)


def _write(tx: Transaction, kind: str, about: str, job_id: UUID | None, detail: Mapping[str, object]) -> bool:
    row = tx.execute(
        """INSERT INTO mails (kind, about, job_id, state, claim_no, claimed_until, message_id, detail)
           VALUES (%(kind)s, %(about)s, %(job)s, 'waiting', 0, now(), %(local)s, %(detail)s)
           ON CONFLICT (kind, about, number) DO NOTHING RETURNING mail_id""",
        {
            "kind": kind,
            "about": about,
            "job": job_id,
            "local": f"{kind}.{about.replace(':', '.')}.1",
            "detail": json.dumps(detail),
        },
    ).fetchone()
    return row is not None
