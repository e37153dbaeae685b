"""Who waits for a lock: for tests that must know that somebody has tried in vain."""

from datetime import datetime

import psycopg

from tests.integration.sandbox.standin import until

# The newest transaction that waits, whatever it waits for; writers of rows are the neighbours in some tests.
_NEWEST = """
SELECT max(a.xact_start) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE NOT l.granted AND a.wait_event_type = 'Lock' AND a.datname = current_database() AND l.mode <> %s
"""


def await_second_try(database_url: str, besides: str = "") -> None:
    """Until a transaction waits that began after another one was seen waiting: that one's wait has ended in vain.

    To be called while a lock is held for which they wait. `besides`: a lock mode that does not count.
    """
    with psycopg.connect(database_url, autocommit=True) as connection:

        def newest() -> datetime | None:
            row = connection.execute(_NEWEST, [besides]).fetchone()
            return row[0] if row else None

        first = until(newest)
        assert first
        until(lambda: (began := newest()) and began > first)
