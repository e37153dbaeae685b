"""What every contestant does at a stage, in one transaction: one conditional UPDATE, one INSERT of history.

On a miss (the row moved before) nothing is written, and what follows is emitted again: a crash between commit and
publish strands nobody. A job leaves stage `submit` at the first hop and stands in `remind` after the fourth.
"""

import os

STAGES = ("submit", "watch", "fetch", "announce")
AFTER = {"submit": "watch", "watch": "fetch", "fetch": "announce", "announce": "remind"}
FACT = {"submit": "submitted", "watch": "upscaled", "fetch": "completed", "announce": "mailed_ready"}
ASKS = ("submit", "fetch", "announce")  # stages that commit a claim before they ask the outside world

AMQP_URL = os.environ["BENCH_AMQP_URL"]
DATABASE_URL = os.environ["BENCH_DATABASE_URL"]
THREADS = int(os.environ.get("BENCH_THREADS", "8"))
PREFETCH = int(os.environ.get("BENCH_PREFETCH", "64"))

MOVE = """
UPDATE jobs SET stage = %(after)s, version = version + 1, wake_at = now() + interval '1 minute', wakes = 0, tries = 0
WHERE job_id = %(job)s AND stage = %(stage)s
"""
HISTORY = """
INSERT INTO job_events (job_id, actor, kind, from_stage, to_stage)
VALUES (%(job)s, %(stage)s, %(fact)s, %(stage)s, %(after)s)
"""
CLAIM = """
UPDATE jobs SET version = version + 1, wake_at = now() + interval '1 minute' WHERE job_id = %(job)s AND stage = %(stage)s
"""


def values(job_id: str, stage: str) -> dict[str, str]:
    return {"job": job_id, "stage": stage, "after": AFTER[stage], "fact": FACT[stage]}


def claim(connection, job_id: str, stage: str) -> None:
    """The commit that precedes a call to the outside world."""
    with connection.transaction():
        connection.execute(CLAIM, {"job": job_id, "stage": stage})


def move(connection, job_id: str, stage: str) -> None:
    """The commit of an outcome."""
    with connection.transaction():
        if connection.execute(MOVE, values(job_id, stage)).rowcount:
            connection.execute(HISTORY, values(job_id, stage))
