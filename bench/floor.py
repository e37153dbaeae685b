"""The floors: what both servers do when nobody thinks. pgbench with the hops' transactions; messages alone."""

import json
import re
import subprocess
from itertools import pairwise
from pathlib import Path

import psycopg

from bench import orders
from bench.environment import PYTHON
from bench.measure import run_feeder
from bench.rig import Place, Rig
from local.layout import ROOT
from local.postgres import find_postgres
from local.processes import LocalError, child_environment

CLIENTS = 32
HOPS_PER_ORDER = 4
_HOP = """
BEGIN;
UPDATE jobs SET stage = '{after}', version = version + 1, wake_at = now() + interval '1 minute', wakes = 0, tries = 0
WHERE job_id = (SELECT job_id FROM bench_order WHERE n = :n) AND stage = '{stage}';
INSERT INTO job_events (job_id, actor, kind, from_stage, to_stage)
SELECT job_id, 'pgbench', 'moved', '{stage}', '{after}' FROM bench_order WHERE n = :n;
COMMIT;
"""
_STAGES = ("submit", "watch", "fetch", "announce", "remind")


def transactions_per_s(rig: Rig, count: int) -> float | None:
    """Orders a second through pgbench, four transactions each, as the stages would run them; None without pgbench."""
    pgbench = (find_postgres() or Path("/nowhere")) / "pgbench"
    if not pgbench.exists():
        return None
    with rig.place("bench-floor-pgbench") as place:
        _number_orders(place, count)
        hops = pairwise(_STAGES)
        script = place.folder / "order.sql"
        text = "SELECT nextval('bench_number') AS n \\gset\n"
        script.write_text(text + "".join(_HOP.format(stage=stage, after=after) for stage, after in hops))
        command = [str(pgbench), "-n", "-M", "prepared", "-f", str(script), "-c", str(CLIENTS), "-j", "2"]
        command += ["-t", str(count // CLIENTS), place.database_url]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=child_environment())
        found = re.search(r"tps = ([\d.]+)", done.stdout)
        if not found:
            raise LocalError(f"pgbench failed:\n{done.stderr.strip()[-1000:]}")
        return round(float(found[1]), 1)


def messages_per_s(rig: Rig, count: int) -> tuple[float, float]:
    """Messages a second through one quorum queue: published with pipelined confirms, then consumed."""
    with rig.place("bench-floor-messages") as place:
        consume = [str(PYTHON), "-m", "bench.peers.raw_loop", str(count)]
        env = child_environment({"PYTHONPATH": str(ROOT), "BENCH_AMQP_URL": place.amqp_url})
        subprocess.run([*consume[:-1], "0"], env=env, check=True)  # declares the queue
        file = place.folder / "feed.json"
        messages = [{"exchange": "", "key": "raw", "body": "x" * 200}] * count
        file.write_text(json.dumps({"amqp_url": place.amqp_url, "rate": 0, "messages": messages}))
        sent = run_feeder(file)
        done = subprocess.run(consume, env=env, capture_output=True, text=True, check=True)
        return round(count / (sent[-1] - sent[0]), 1), round(count / float(done.stdout), 1)


def _number_orders(place: Place, count: int) -> None:
    ids = orders.make(place.database_url, count)
    with psycopg.connect(place.database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE bench_order (n bigint PRIMARY KEY, job_id uuid NOT NULL)")
        connection.execute("CREATE SEQUENCE bench_number")
        with connection.cursor().copy("COPY bench_order FROM STDIN") as copy:
            for n, job_id in enumerate(ids, 1):
                copy.write_row((n, job_id))
        connection.execute("ANALYZE bench_order")
