"""Faults of PostgreSQL: F19, F20, F22."""

import time
from random import Random

import psycopg

from tests.chaos.world import World

UNSETTLED = "SELECT job_id FROM jobs WHERE settled_at IS NULL ORDER BY job_id"


def restart(world: World, chances: Random) -> int:
    with world.database_lock, world.diary.disturbing("F19", "database"):
        world.database.stop()
        time.sleep(chances.uniform(0, 2))
        world.database.start()
    return 1


def kill(world: World, chances: Random) -> int:
    with world.database_lock, world.diary.disturbing("F19k", "database"):
        world.database.kill()
        time.sleep(chances.uniform(0, 1))
        world.database.start()
    return 1


def terminate_backends(world: World, chances: Random) -> int:
    """Each session of a worker dies with even chances."""
    with world.diary.disturbing("F20", "database"):
        try:
            with world.connect() as tx:
                tx.execute("SELECT setseed(%s)", [chances.uniform(-1, 1)])
                ended = tx.execute(
                    """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                       WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.5"""
                ).fetchone()
        except psycopg.Error:
            return 0  # the server is down just now: then another fault bites already
    return int(ended[0]) if ended else 0


def lose_commit(world: World, chances: Random) -> int:
    """COMMIT reaches the server, its answer reaches nobody: the outcome is unknown."""
    link, times = world.links["database"], chances.randint(1, 3)
    before = link.bitten["trap"]
    with world.diary.disturbing("F20c", "database"):
        link.trap(b"COMMIT\0", times)
        time.sleep(1)
    return link.bitten["trap"] - before


def lock_rows(world: World, chances: Random) -> int:
    """A foreign session holds rows for longer than anybody waits for them."""
    with world.diary.disturbing("F22", "database"):
        return _holding(world, chances, chances.uniform(2.5, 4.0), reverse=False)


def deadlock(world: World, chances: Random) -> int:
    """A foreign session locks rows one by one against our order: one of the two is chosen to fail."""
    return sum(_holding(world, chances, 0.2, reverse=True) for _ in range(3))


def _holding(world: World, chances: Random, seconds: float, *, reverse: bool) -> int:
    try:
        with psycopg.connect(world.database_url, connect_timeout=2) as session:
            ids = [row[0] for row in session.execute(UNSETTLED)]
            picked = sorted(chances.sample(ids, min(len(ids), 8)), reverse=reverse)
            for job_id in picked:
                session.execute("SELECT 1 FROM jobs WHERE job_id = %s FOR UPDATE", [job_id])
                time.sleep(0.05 if reverse else 0)
            time.sleep(seconds)
            return len(picked)
    except psycopg.Error:
        return 1  # we were the victim of the deadlock, or the server went down under us
