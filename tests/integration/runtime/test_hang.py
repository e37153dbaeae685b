"""A database that was heard of last some time ago, over a link that looks alive: the worker does not hang silently."""

import uuid
from pathlib import Path

from local.database import Database
from local.layout import Addresses, Secrets, program, worker_settings
from local.stack import Member
from tests.chaos.proxy import Proxy
from tests.infrastructure import fresh_database
from tests.integration.runtime.rig import rig as a_rig
from tests.integration.sandbox.standin import until

STUCK = 70


def test_a_worker_whose_database_never_answers_again_ends_itself(
    database: Database, amqp_url: str, tmp_path: Path
) -> None:
    url = fresh_database(database, f"hang_{uuid.uuid4().hex[:8]}")
    at = Addresses()
    with Proxy() as proxy, a_rig(url, amqp_url) as rig:
        link = proxy.link("database")
        link.target = int(url.rpartition(":")[2].partition("/")[0])
        settings = worker_settings(tmp_path, at, Secrets()) | {
            "DATABASE_URL": url.replace(f":{link.target}/", f":{link.port}/"),
            "AMQP_URL": amqp_url,
            "UPSAMPLER_URL": "null:",
            "DATABASE_STATEMENT_S": "0.5",
            "METRICS_PORT": str(at.health_ports["submitter"]),
        }
        what = program("submitter", "services.submitter", settings, tmp_path)
        worker = Member(what, tmp_path / "submitter.log", f"{at.health('submitter')}/readyz")
        worker.start()
        try:
            worker.wait_ready()
            link.mute()
            rig.pay(*rig.paid(1))
            until(lambda: worker.exit_code == STUCK)
        finally:
            worker.kill()
        assert "worker.stuck" in worker.last_lines(5)
