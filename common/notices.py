"""Notices: mails to the operator that are about no job. The row is the intent; the notifier sends it."""

import json

from common.database import Transaction

KIND = "notice"


def this_hour(tx: Transaction) -> str:
    """The hour of the database's clock (UTC), to be told of something once in it: 2026-11-22T14."""
    row = tx.execute("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24')").fetchone()
    return str(row[0]) if row else ""


def tell(tx: Transaction, about: str, subject: str, text: str) -> bool:
    """Have the operator told once about this; False when somebody has done so already. `text`: paragraphs."""
    row = tx.execute(
        """INSERT INTO mails (kind, about, state, claim_no, claimed_until, message_id, detail)
           VALUES (%(kind)s, %(about)s, 'waiting', 0, now(), %(local)s, %(detail)s)
           ON CONFLICT (kind, about, number) DO NOTHING RETURNING mail_id""",
        {
            "kind": KIND,
            "about": about,
            "local": f"{KIND}.{about.replace(':', '.')}.1",
            "detail": json.dumps({"subject": subject, "text": text}),
        },
    ).fetchone()
    return row is not None
