"""A result on a host that is not on our list: the order waits for its operator, and costs no second enlargement."""

import io
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from common import attempts
from common.attempts import AttemptState, Claim, Record
from common.deliveries import Delivery, Subscription
from common.events import UpscaleDone
from common.lane import Item
from common.metrics import Metrics
from common.outcomes import Move
from common.runtime import LaneRunner
from common.stages import Stage
from services.finisher.handler_deliver import Deliver
from services.finisher.settings import DeliverSettings
from tests.integration.life.rows import moved
from tests.integration.runtime.rig import Rig
from tests.integration.sandbox.standin import photograph
from tests.unit.builders import answer, settings, site

NOBODY = Subscription([], 1, lambda _delivery: None)


def at_fetch(desk: Rig, url: str) -> UUID:
    """An order whose result waits there."""
    [job_id] = desk.paid(1)
    with desk.database.transaction() as tx:
        moved(tx, job_id, Move(Stage.WATCH, "submitted", attempt=1), Move(Stage.FETCH, "upscaled", attempt=1))
        attempts.claim(tx, [Claim(job_id, 1, 1)], 60)
        done = Record(job_id, 1, AttemptState.SUCCEEDED, provider_id="up_1", result_url=url, ended=True)
        attempts.record(tx, [done], 3600)
    return job_id


def fetch(desk: Rig, job_id: UUID, folder: Path, **told: Any) -> None:
    """As a finisher with these settings does."""
    lane = Deliver(settings(DeliverSettings, storage_url=f"file://{folder}", **told), desk.plans)
    runner = LaneRunner(lane, desk.database, desk.plans, Metrics())
    delivery = Delivery("finisher.upscale.done", b"", False, 1, 1, NOBODY)  # noqa: FBT003 - a tuple
    item = Item(delivery, UpscaleDone(job_id=job_id), time.monotonic())
    runner.decide([item])
    item.answer = lane.ask(item.about)
    runner.decide([item])


def test_it_waits_before_a_person_and_is_delivered_once_the_host_is_listed(desk: Rig, tmp_path: Path) -> None:
    picture = io.BytesIO()
    photograph(desk.job(*desk.paid(1)).result_size).save(picture, "PNG")
    with site(answer(picture.getvalue())) as server:
        host = f"127.0.0.1:{server.port}"
        job_id = at_fetch(desk, f"{server.url}/1.png")
        for _ in range(2):
            fetch(desk, job_id, tmp_path, upsampler_url="https://provider.example")
        assert server.connections == 0
        assert desk.stage(job_id) is Stage.FETCH
        assert desk.job(job_id).attempt == 1
        assert desk.sql("SELECT reason, detail FROM attention WHERE closed_at IS NULL") == [
            ("result_barred", "the host 127.0.0.1 is not on the list")
        ]
        assert desk.sql("SELECT kind, state FROM mails") == [("notice", "waiting")]

        fetch(desk, job_id, tmp_path, result_hosts=host, outbound_allow=host)

    assert desk.stage(job_id) is Stage.ANNOUNCE
    assert desk.sql("SELECT reason FROM attention WHERE closed_at IS NULL") == []
