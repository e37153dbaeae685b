"""A database that was heard of last some time ago, or never: the worker does not hang silently, nor end in a loop."""

import signal
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from common.schema import migrate
from local.database import Database
from local.layout import Addresses, Secrets, program, worker_settings
from local.ports import free_port
from local.stack import Member
from tests.chaos.proxy import Proxy
from tests.infrastructure import fresh_database
from tests.integration.runtime.rig import rig as a_rig
from tests.integration.sandbox.standin import until

STUCK = 70
LEFT_S = 10
WAITS = 3  # 1.4 s


@pytest.fixture
def url(database: Database) -> str:
    return fresh_database(database, f"hang_{uuid.uuid4().hex[:8]}")


@contextmanager
def _hanging(url: str, amqp_url: str, folder: Path, **settings: str) -> Iterator[Member]:
    """A submitter with an order in hand whose database has just fallen silent."""
    at = Addresses()
    with Proxy() as proxy, a_rig(url, amqp_url) as rig:
        link = proxy.link("database")
        link.target = int(url.rpartition(":")[2].partition("/")[0])
        told = worker_settings(folder, at, Secrets()) | {
            "DATABASE_URL": url.replace(f":{link.target}/", f":{link.port}/"),
            "AMQP_URL": amqp_url,
            "UPSAMPLER_URL": "null:",
            "METRICS_PORT": str(at.health_ports["submitter"]),
        }
        what = program("submitter", "services.submitter", told | settings, folder)
        worker = Member(what, folder / "submitter.log", f"{at.health('submitter')}/readyz")
        worker.start()
        try:
            worker.wait_ready()
            link.mute()
            rig.pay(*rig.paid(1))
            until(lambda: rig.depth("submitter.payment.completed") == 0)
            yield worker
        finally:
            worker.kill()


def test_a_worker_whose_database_never_answers_again_ends_itself(url: str, amqp_url: str, tmp_path: Path) -> None:
    with _hanging(url, amqp_url, tmp_path, DATABASE_STATEMENT_S="0.5") as worker:
        until(lambda: worker.exit_code == STUCK)
        assert '"what":["database"],"event":"worker.stuck"' in worker.last_lines(5)


def test_a_worker_that_is_told_to_stop_meanwhile_has_gone_in_ten_seconds(
    url: str, amqp_url: str, tmp_path: Path
) -> None:
    with _hanging(url, amqp_url, tmp_path) as worker:
        worker.terminate(LEFT_S)  # killed when it has not ended by then
        assert worker.exit_code == 0
        assert "worker.left" in worker.last_lines(5)


def test_a_second_signal_ends_it_at_once(url: str, amqp_url: str, tmp_path: Path) -> None:
    with _hanging(url, amqp_url, tmp_path) as worker:

        def signalled_to_the_end() -> bool:
            if worker.alive:
                worker.send(signal.SIGTERM)
            return not worker.alive

        until(signalled_to_the_end)
        assert worker.exit_code == 1
        assert "worker.left" not in worker.last_lines(5)


def _submitter(
    folder: Path, database_url: str, amqp_url: str, patched: str = "", **settings: str
) -> tuple[Member, str]:
    """A submitter, with what is `patched` before its start, and the address of its health port."""
    at = Addresses()
    told = (
        worker_settings(folder, at, Secrets())
        | {
            "DATABASE_URL": database_url,
            "AMQP_URL": amqp_url,
            "UPSAMPLER_URL": "null:",
            "METRICS_PORT": str(at.health_ports["submitter"]),
        }
        | settings
    )
    code = f"{patched}\nfrom services.submitter.__main__ import main\nmain()"
    what = replace(program("submitter", "services.submitter", told, folder), command=[sys.executable, "-c", code])
    return Member(what, folder / "submitter.log", f"{at.health('submitter')}/healthz"), at.health("submitter")


def test_a_worker_that_starts_before_its_database_waits_and_is_not_stuck(amqp_url: str, tmp_path: Path) -> None:
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    worker, _ = _submitter(tmp_path, nowhere, amqp_url, "from common import worker\nworker.STUCK_S = 0.2")
    worker.start()
    try:
        until(lambda: worker.last_lines(5).count("database.away") >= WAITS)
        assert worker.ready()
        worker.terminate(5)  # killed when it has not ended by then
        assert worker.exit_code == 0
    finally:
        worker.kill()


def test_a_worker_that_may_not_migrate_waits_for_whoever_does(
    database: Database, amqp_url: str, tmp_path: Path
) -> None:
    url = database.createdb(f"hang_{uuid.uuid4().hex[:8]}")
    worker, health = _submitter(tmp_path, url, amqp_url, MIGRATE="off")
    worker.start()
    try:
        until(lambda: worker.last_lines(20).count("schema.old") >= WAITS)
        assert "./enlarger migrate" in worker.last_lines(20)
        assert migrate(url)
        until(lambda: requests.get(f"{health}/readyz", timeout=5).ok)
    finally:
        worker.kill()


FROZEN = """
import time
from common import broker, worker
worker.STUCK_S = 1.0
broker.Broker._tick = lambda self: time.sleep(600)
"""


def test_a_worker_whose_amqp_thread_hangs_ends_itself(url: str, amqp_url: str, tmp_path: Path) -> None:
    worker, _ = _submitter(tmp_path, url, amqp_url, FROZEN)
    worker.start()
    try:
        until(lambda: worker.exit_code == STUCK)
        assert '"what":["broker"],"event":"worker.stuck"' in worker.last_lines(5)
    finally:
        worker.kill()


@pytest.mark.parametrize("server", ["database", "broker"])
def test_a_worker_says_which_server_is_away_and_resumes_alone(
    url: str, amqp_url: str, tmp_path: Path, server: str
) -> None:
    with Proxy() as proxy:
        link = proxy.link(server)
        away = {"database": url, "broker": amqp_url}
        link.target = urlsplit(away[server]).port or 0
        away[server] = away[server].replace(f":{link.target}/", f":{link.port}/")
        worker, health = _submitter(tmp_path, away["database"], away["broker"])

        def readiness() -> dict[str, bool]:
            return dict(requests.get(f"{health}/readyz", timeout=15).json())

        worker.start()
        try:
            worker.wait_ready()
            until(lambda: all(readiness().values()))
            link.refuse(on=True)
            link.reset()
            until(lambda: readiness() == {"database": server != "database", "broker": server != "broker"})
            link.refuse(on=False)
            until(lambda: all(readiness().values()))
            assert worker.alive
        finally:
            worker.kill()
