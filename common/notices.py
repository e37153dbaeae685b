"""Notices: mails to the operator that are about no job. The row is the intent; the notifier sends it."""

import json

from common.database import Transaction

KIND = "notice"


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
