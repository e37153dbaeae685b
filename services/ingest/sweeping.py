"""The ticker `sweep`: uploads that nobody ordered, or whose order is over, are removed when their time is."""

import threading

import structlog

from common.database import Database, DatabaseAwayError
from common.storage import Storage, StorageError

EVERY_S = 300.0
AT_ONCE = 100

log = structlog.get_logger()


class Sweep:
    """Removes old uploads. Committed before it is done, and done again until it is: a crash leaves no file behind."""

    name = "sweep"

    def __init__(self, database: Database, storage: Storage, keep_s: float, every_s: float = EVERY_S) -> None:
        self._database = database
        self._storage = storage
        self._keep_s = keep_s
        self._every_s = every_s

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(self._every_s):
            try:
                while self.once() == AT_ONCE and not stop.is_set():
                    pass
            except (DatabaseAwayError, StorageError) as error:
                log.warning("uploads.not_swept", error=str(error))

    def once(self) -> int:
        """Remove some; returns how many. Raises DatabaseAwayError, StorageError."""
        with self._database.transaction() as tx:
            rows = tx.execute(
                """UPDATE uploads SET removed_at = COALESCE(removed_at, now()) WHERE upload_id IN (
                       SELECT u.upload_id FROM uploads u
                       WHERE u.file_gone_at IS NULL AND u.created_at < now() - make_interval(secs => %(keep_s)s)
                         AND NOT EXISTS (SELECT FROM jobs j WHERE j.upload_id = u.upload_id
                                         AND j.settled_at IS NULL AND j.completed_at IS NULL)
                       ORDER BY u.created_at LIMIT %(most)s FOR UPDATE SKIP LOCKED)
                   RETURNING upload_id, file_key""",
                {"keep_s": self._keep_s, "most": AT_ONCE},
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
