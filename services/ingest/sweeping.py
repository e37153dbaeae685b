"""The ticker `sweep`: removes uploads, and what is known about people, when their time is over.

An upload goes when nobody ordered it, or its order is over; that of an order that failed is kept longer, so that the
order can be done again.
"""

import threading
from dataclasses import dataclass

import structlog

from common.database import PASSING, Database, DatabaseAwayError
from common.people import forgetting
from common.storage import Storage, StorageError

EVERY_S = 300.0
AT_ONCE = 100

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Keep:
    """How long, in seconds: an upload, that of an order that failed, and what is known about people."""

    upload_s: float
    failed_s: float
    personal_s: float


class Sweep:
    """Removes old uploads. Committed before it is done, and done again until it is: a crash leaves no file behind."""

    name = "sweep"

    def __init__(self, database: Database, storage: Storage, keep: Keep, every_s: float = EVERY_S) -> None:
        self._database = database
        self._storage = storage
        self._keep = keep
        self._every_s = every_s

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(self._every_s):
            for step in (self.uploads, self.people, self.events):
                try:
                    while step() == AT_ONCE and not stop.is_set():
                        pass
                except (DatabaseAwayError, StorageError, *PASSING) as error:
                    log.warning("sweep.stumbled", step=step.__name__, error=str(error))

    def people(self) -> int:
        """Forget some orders' customers; returns how many orders. Raises DatabaseAwayError."""
        with self._database.transaction() as tx:
            count = forgetting.forget_due(tx, self._keep.personal_s, AT_ONCE)
        if count:
            log.info("people.forgotten", orders=count)
        return count

    def events(self) -> int:
        """Redact some of Stripe's events that are about no order; returns how many. Raises DatabaseAwayError."""
        with self._database.transaction() as tx:
            return forgetting.forget_events(tx, self._keep.personal_s, AT_ONCE)

    def uploads(self) -> int:
        """Remove some; returns how many. Raises DatabaseAwayError, StorageError."""
        with self._database.transaction() as tx:
            rows = tx.execute(
                """UPDATE uploads SET removed_at = COALESCE(removed_at, now()) WHERE upload_id IN (
                       SELECT u.upload_id FROM uploads u
                       WHERE u.file_gone_at IS NULL AND (u.removed_at IS NOT NULL
                         OR (u.created_at < now() - make_interval(secs => %(keep_s)s)
                             AND NOT EXISTS (SELECT FROM jobs j WHERE j.upload_id = u.upload_id
                                 AND j.completed_at IS NULL
                                 AND (j.settled_at IS NULL
                                      OR j.failed_at > now() - make_interval(secs => %(failed_s)s)))))
                       ORDER BY u.created_at LIMIT %(most)s FOR UPDATE SKIP LOCKED)
                   RETURNING upload_id, file_key""",
                {"keep_s": self._keep.upload_s, "failed_s": self._keep.failed_s, "most": AT_ONCE},
            ).fetchall()
        self._storage.remove([key for _, key in rows])
        if rows:
            with self._database.transaction() as tx:
                tx.execute(
                    "UPDATE uploads SET file_gone_at = now() WHERE upload_id = ANY(%(ids)s)",
                    {"ids": [upload_id for upload_id, _ in rows]},
                )
            log.info("uploads.swept", count=len(rows))
        return len(rows)
