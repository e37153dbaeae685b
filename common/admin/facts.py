"""What the rows beside a job's own say, as far as people's decisions depend on it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from common import disputed
from common.database import Transaction

OPEN_REFUND = "state IN ('claimed', 'pending', 'requires_action')"


@dataclass(frozen=True, slots=True)
class Delivered:
    """The file that the customer may have, and its newest link. `revoked`: somebody took the link away;
    `disputed`: it rests until a dispute is decided.
    """

    stored_at: datetime
    generation: int
    revoked: bool
    disputed: bool


def refund_is_open(tx: Transaction, job_id: UUID) -> bool:
    row = tx.execute(f"SELECT 1 FROM refunds WHERE job_id = %(job)s AND {OPEN_REFUND} LIMIT 1", {"job": job_id})
    return row.fetchone() is not None


def delivered(tx: Transaction, job_id: UUID) -> Delivered | None:
    """None when no file is kept."""
    row = tx.execute(
        f"""SELECT max(d.stored_at), l.generation, l.revoked_at IS NOT NULL, {disputed.freezes("l.job_id")}
           FROM deliveries d JOIN links l USING (job_id)
           WHERE d.job_id = %(job)s AND d.stored_at IS NOT NULL AND d.removed_at IS NULL
           GROUP BY l.job_id, l.generation, l.revoked_at ORDER BY l.generation DESC LIMIT 1""",
        {"job": job_id},
    ).fetchone()
    return Delivered(*row) if row else None


def open_attempt(tx: Transaction, job_id: UUID) -> int | None:
    """The attempt that is under way, or waits to be submitted."""
    row = tx.execute(
        "SELECT max(attempt) FROM attempts WHERE job_id = %(job)s AND ended_at IS NULL", {"job": job_id}
    ).fetchone()
    return row[0] if row else None


def last_attempt(tx: Transaction, job_id: UUID) -> int:
    """The number of the newest attempt; 0 when there is none."""
    row = tx.execute("SELECT max(attempt) FROM attempts WHERE job_id = %(job)s", {"job": job_id}).fetchone()
    return (row[0] if row else None) or 0


def seconds_since(tx: Transaction, job_id: UUID, verb: str) -> float | None:
    """Seconds since this was last decided about the job, and could be said."""
    row = tx.execute(
        """SELECT extract(epoch FROM now() - max(at))::float8 FROM audit
           WHERE job_id = %(job)s AND verb = %(verb)s AND detail->'sent' IS NULL""",
        {"job": job_id, "verb": verb},
    ).fetchone()
    return row[0] if row else None


def hold_reason(tx: Transaction, job_id: UUID) -> str | None:
    row = tx.execute("SELECT hold_reason FROM jobs WHERE job_id = %(job)s", {"job": job_id}).fetchone()
    return row[0] if row else None


def seconds_until(tx: Transaction, when: datetime) -> float:
    """By the database's clock."""
    row = tx.execute("SELECT extract(epoch FROM %(when)s::timestamptz - now())::float8", {"when": when}).fetchone()
    return float(row[0]) if row else 0.0


def mail_again(tx: Transaction, job_id: UUID, kind: str, about: str | None = None) -> bool:
    """Write the row of one more mail of this kind, when the last one is over; False when that is still to be sent.

    `about`: what it must be about (a link's generation); the newest by default.

    Its Message-ID is made when it is first claimed (services/notifier): this one only keeps the row's place.
    """
    last = tx.execute(
        """SELECT about, state FROM mails WHERE job_id = %(job)s AND kind = %(kind)s
             AND (%(about)s::text IS NULL OR about = %(about)s)
           ORDER BY mail_id DESC LIMIT 1""",
        {"job": job_id, "kind": kind, "about": about},
    ).fetchone()
    if last is None or last[1] not in {"sent", "failed"}:
        return False
    tx.execute(
        """INSERT INTO mails (kind, about, number, job_id, state, claim_no, claimed_until, message_id)
           SELECT kind, about, max(number) + 1, job_id, 'waiting', 0, now(),
                  '<' || gen_random_uuid() || '@not.claimed.yet>'
           FROM mails WHERE kind = %(kind)s AND about = %(about)s GROUP BY kind, about, job_id""",
        {"kind": kind, "about": last[0]},
    )
    return True
