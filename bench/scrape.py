"""`./enlarger bench scrape`: how long each worker's /metrics takes with a million jobs in the database."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

import psycopg
import requests

from bench.ours import SWITCHED_OFF
from bench.rig import Place, rig
from bench.usage import cpu_s
from local.layout import WORKERS, Addresses, Secrets, program, worker_settings
from local.processes import await_condition
from local.servers import Say
from local.stack import Member

SCRAPES = 50
UNDERWAY = 100  # every so many-th job is underway
COUNTED_S = 120.0
TIMEOUT_S = 30.0

FILL = """
    INSERT INTO jobs (job_id, ticket, status, stage, wake_at, settled_at, paid_at, completed_at, promise_at,
        source_kind, source_url, source_width, source_height, factor, amount_cents, currency, credits, cost_cents,
        markup_percent, charged_cents, payment_intent, email)
    SELECT gen_random_uuid(), 'tk_' || md5(n::text),
        CASE WHEN n %% %(underway)s = 0 THEN 'processing' ELSE 'completed' END, stage,
        CASE WHEN stage <> 'settled' THEN now() + interval '1 day' + n * interval '1 s' END,
        CASE WHEN stage = 'settled' THEN now() END, now(),
        CASE WHEN n %% %(underway)s > 0 THEN now() END, now() + interval '1 day', 'catalogue',
        'https://shop.example/p.jpg', 690, 460, 4, 192, 'usd', 16, 64, 200, 192, 'pi_' || n, 'customer@shop.example'
    FROM (SELECT n, CASE WHEN n %% %(underway)s = 0 THEN 'watch'
                         ELSE (ARRAY['remind', 'keep', 'settled'])[1 + n %% 3] END AS stage
          FROM generate_series(1, %(jobs)s) n) made
"""


@dataclass(frozen=True, slots=True)
class Scraped:
    """One worker's answers in milliseconds, of the wall and of its CPU, and the size of the last one in bytes."""

    worker: str
    median_ms: float
    slowest_ms: float
    cpu_ms: float
    size: int


@dataclass(frozen=True, slots=True)
class ScrapeResult:
    """All that was measured; `count_s`: seconds that the census takes of the database, in the background."""

    jobs: int
    scrapes: int
    count_s: float
    workers: Sequence[Scraped]


def scrape(jobs: int, say: Say) -> tuple[ScrapeResult, dict[str, str]]:
    """Measure over HTTP, on private servers, all five workers at work beside it."""
    with rig(say) as running, running.place("bench-scrape") as place, ExitStack() as ending:
        with psycopg.connect(place.database_url, autocommit=True) as connection:
            connection.execute(FILL, {"jobs": jobs, "underway": UNDERWAY})
            connection.execute("VACUUM ANALYZE jobs")
        say(f"{jobs:,} jobs are in the database")
        at = Addresses()
        members = _members(place, at)
        for member in members:
            member.start()
            ending.callback(member.terminate)
            member.wait_ready()
        poller = f"{at.health('poller')}/metrics"
        await_condition(lambda: _told(poller, "enlarger_jobs", jobs), COUNTED_S, "the census to have counted all jobs")
        found = [_scraped(member, f"{at.health(member.name)}/metrics") for member in members]
        return ScrapeResult(jobs, SCRAPES, _sum(poller, "enlarger_census_seconds"), found), running.versions


def _members(place: Place, at: Addresses) -> list[Member]:
    told = worker_settings(place.folder, at, Secrets()) | SWITCHED_OFF
    told |= {"DATABASE_URL": place.database_url, "AMQP_URL": place.amqp_url}
    return [
        Member(
            program(name, f"services.{name}", told | {"METRICS_PORT": str(at.health_ports[name])}, place.folder),
            place.folder / f"{name}.log",
            f"{at.health(name)}/readyz",
        )
        for name in WORKERS
    ]


def _scraped(member: Member, address: str) -> Scraped:
    """One scrape after the other on a connection that stays, as Prometheus does."""
    took_ms, size, cpu = [], 0, cpu_s(member.pid or 0)
    with requests.Session() as session:
        session.trust_env = False
        for _ in range(SCRAPES):
            began = time.perf_counter()
            answer = session.get(address, timeout=TIMEOUT_S)
            took_ms.append((time.perf_counter() - began) * 1000)
            answer.raise_for_status()
            size = len(answer.content)
    cpu_ms = (cpu_s(member.pid or 0) - cpu) * 1000 / SCRAPES
    return Scraped(member.name, round(median(took_ms), 1), round(max(took_ms), 1), round(cpu_ms, 1), size)


def _told(address: str, name: str, wanted: float) -> bool:
    return _sum(address, name) == wanted


def _sum(address: str, name: str) -> float:
    lines = requests.get(address, timeout=TIMEOUT_S).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name}{{"))
