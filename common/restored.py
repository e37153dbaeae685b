"""A restored database is noticed, and nothing runs on it until it was reconciled (docs/restore.md).

What was bought, refunded or mailed after the backup stands nowhere in it. So a database remembers the place at which
it was last known to be whole; when it finds itself at another, everything is paused, and only `./enlarger
restore-check` says that it may go on.
"""

from datetime import datetime

import structlog

from common import notices, switches
from common.database import Transaction

GUARD = "restore-guard"
SKIPPED = 100_000
SILENT_S = 5.0
ROW = "SELECT place, restored_at IS NOT NULL FROM installation"
WHY = "the database was restored from a backup, or moved: ./enlarger restore-check"
SUBJECT = "The database was restored: everything is paused"
TEXT = (
    "Enlarger found its database at another place than before: restored from a backup, promoted, or moved.\n\n"
    "Whatever was bought, refunded or mailed since the backup may be missing in it, so everything is paused. "
    "Run ./enlarger restore-check, then ./enlarger resume. docs/restore.md tells the whole story."
)

log = structlog.get_logger()


def guard(tx: Transaction, *, promotions: bool = True) -> bool:
    """Pause everything when this is not the database that it was, and say whether it waits for its reconciliation; the
    first one to look notes where it is.

    `promotions`: a standby that became the primary counts as restored, too.
    """
    here = _place(tx)
    row = tx.execute(ROW).fetchone()
    if row is None:
        tx.execute("INSERT INTO installation (place) VALUES (%s) ON CONFLICT DO NOTHING", [here])
    before, waits = row or (here, False)
    if not _same(before, here, promotions=promotions):  # look again, after whoever is accepting it now
        before, waits = tx.execute(f"{ROW} FOR UPDATE").fetchone() or (here, False)
    if _same(before, here, promotions=promotions):
        return bool(waits)
    if note(tx):
        log.critical("database.restored", before=before, here=here)
    return True


def note(tx: Transaction) -> bool:
    """It was restored: nothing runs from now on. False when that was noted before; it is paused all the same."""
    switches.pause(tx, switches.ALL, GUARD, WHY)
    row = tx.execute(
        "UPDATE installation SET restored_at = now() WHERE restored_at IS NULL RETURNING restored_at"
    ).fetchone()
    if row:  # what a mail to the operator is named after was used already
        tx.execute(
            "SELECT setval(pg_get_serial_sequence('attention', 'attention_id'), nextval(pg_get_serial_sequence("
            "'attention', 'attention_id')) + %s)",
            [SKIPPED],
        )
        notices.tell(tx, f"restored:{row[0]:%Y-%m-%dT%H.%M.%S}", SUBJECT, TEXT)
    return row is not None


def since(tx: Transaction) -> datetime | None:
    """When it was noticed that the database had been restored; None while it is whole."""
    row = tx.execute("SELECT restored_at FROM installation").fetchone()
    return row[0] if row else None


def accept(tx: Transaction) -> None:
    """It holds all that was done: from now on this is its place. What is paused stays so until a person resumes it."""
    # The workers that came with the backup: until now their last sign of life told when it was made. Who lives says so
    # every second, but the restore may have been noted since: a person may check a second time (--since).
    tx.execute(
        """DELETE FROM workers w USING installation i
           WHERE w.seen_at < LEAST(i.restored_at, now() - make_interval(secs => %(silent_s)s))""",
        {"silent_s": SILENT_S},
    )
    tx.execute("UPDATE installation SET place = %(here)s, restored_at = NULL", {"here": _place(tx)})


def _same(before: str, here: str, *, promotions: bool) -> bool:
    if promotions:
        return before == here
    return before.rpartition("@")[0] == here.rpartition("@")[0]


def _place(tx: Transaction) -> str:
    """The cluster, the database in it, this table (which pg_restore makes anew), and the cluster's timeline (which a
    restore to a point in time begins anew, as the promotion of a standby does).
    """
    row = tx.execute(
        """SELECT oid::text || '/' || 'installation'::regclass::oid::text,
                  left(pg_walfile_name(pg_current_wal_lsn()), 8),
                  has_function_privilege('pg_control_system()', 'execute')
           FROM pg_database WHERE datname = current_database()"""
    ).fetchone()
    database, timeline, may_ask = row or ("", "", False)
    cluster = tx.execute("SELECT system_identifier::text FROM pg_control_system()").fetchone() if may_ask else None
    return f"{cluster[0] if cluster else '-'}/{database}@{timeline}"
