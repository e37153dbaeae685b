"""The source is looked at before the provider is paid: what is found there, and that nobody skips it."""

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from PIL import Image

from common import jobs
from common.database import Database
from common.deliveries import Delivery, Subscription
from common.events import PaymentCompleted
from common.lane import Item
from common.metrics import Metrics
from common.runtime import LaneRunner
from common.stages import Stage, Status
from common.storage import Storage
from services.submitter.handler import Ask, Submit
from services.submitter.settings import SubmitterSettings
from services.submitter.source import Bad, Fit, LookAtSource, Missing, NotSeen
from tests.integration.life.rows import PLANS, moved, ordered, paid
from tests.integration.sandbox.standin import photograph
from tests.unit.builders import JOB, answer, closed_port, settings, site

NOBODY = Subscription([], 1, lambda _delivery: None)


def _jpeg(size: tuple[int, int] = (451, 300), orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    photograph(size).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def _lane(port: int, storage: Path) -> Submit:
    host = f"127.0.0.1:{port}"
    told = settings(SubmitterSettings, source_hosts=host, outbound_allow=host, storage_url=f"file://{storage}")
    return Submit(told, PLANS)


def _look(body: bytes, storage: Path, size: tuple[int, int] = (451, 300), kind: str = "url") -> Any:
    with site(body) as server:
        about = LookAtSource(JOB, kind, f"{server.url}/cat.jpg", size)
        return _lane(server.port, storage).ask(about)


def test_a_good_source_leaves_its_reduced_copy(tmp_path: Path) -> None:
    found = _look(answer(_jpeg((1000, 600))), tmp_path, (1000, 600))

    assert isinstance(found, Fit), found
    small = b"".join(Storage(f"file://{tmp_path}").read(f"references/{JOB}").chunks)
    with Image.open(io.BytesIO(small)) as image:
        assert (image.format, image.size) == ("PNG", (512, 307))


def test_without_room_for_a_temporary_file_it_is_looked_at_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = _lane(1, tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "not there"))

    assert isinstance(lane.ask(LookAtSource(JOB, "upload", "upload:up_1", (4, 3))), NotSeen)


@pytest.mark.parametrize("sold", [(451, 300), (300, 451)])
def test_a_source_on_its_side_may_have_been_sold_either_way(tmp_path: Path, sold: tuple[int, int]) -> None:
    found = _look(answer(_jpeg(orientation=6)), tmp_path, sold)

    assert isinstance(found, Fit)
    assert found.seen.orientation == 6


BAD: dict[str, tuple[bytes, tuple[int, int], str]] = {
    "it is another size than was sold": (answer(_jpeg()), (450, 300), "source_changed"),
    "it is sold turned and is not": (answer(_jpeg()), (300, 451), "source_changed"),
    "it is cut": (answer(_jpeg()[:4000]), (451, 300), "source_unfit"),
    "it is a page": (answer(b"<!doctype html><title>Sign in</title>"), (451, 300), "source_unfit"),
    "it is a GIF": (answer(b"GIF89a" + bytes(500)), (451, 300), "source_unfit"),
    "it is a redirect": (answer(b"", "Location: http://10.0.0.1/", status="302 Found"), (451, 300), "source_refused"),
}


@pytest.mark.parametrize(("body", "sold", "reason"), BAD.values(), ids=BAD.keys())
def test_a_bad_source_is_refunded(tmp_path: Path, body: bytes, sold: tuple[int, int], reason: str) -> None:
    found = _look(body, tmp_path, sold)

    assert isinstance(found, Bad), found
    assert found.reason == reason


def test_a_server_that_fails_is_asked_again(tmp_path: Path) -> None:
    assert isinstance(_look(answer(b"", status="502 Bad Gateway"), tmp_path), NotSeen)
    assert isinstance(_look(answer(b"", status="404 Not Found"), tmp_path), Missing)
    port = closed_port()
    assert isinstance(_lane(port, tmp_path).ask(LookAtSource(JOB, "url", f"http://127.0.0.1:{port}/", (1, 1))), NotSeen)


def test_an_upload_is_taken_from_the_store(tmp_path: Path) -> None:
    Storage(f"file://{tmp_path}").write("uploads/up_1", _jpeg())
    lane = _lane(1, tmp_path)

    assert isinstance(lane.ask(LookAtSource(JOB, "upload", "upload:up_1", (451, 300))), Fit)
    assert isinstance(lane.ask(LookAtSource(JOB, "upload", "upload:up_2", (451, 300))), Missing)


class Rig:
    """One paid order and the submitter's lane."""

    def __init__(self, database: Database, storage: Path) -> None:
        self.database = database
        self.runner = LaneRunner(_lane(1, storage), database, PLANS, Metrics())
        with database.transaction() as tx:
            self.job_id: UUID = ordered(tx)
            moved(tx, self.job_id, paid())

    def begin(self, *, redelivered: bool = False) -> Item | None:
        event = PaymentCompleted(job_id=self.job_id)
        item = Item(Delivery(event.queue, b"", redelivered, 1, 1, NOBODY), event, 0.0)
        self.runner.decide([item])
        return item if item.asked else None

    def finish(self, item: Item, found: Any) -> Any:
        item.answer = found
        return self.runner.decide([item])[0]

    def job(self) -> jobs.Job:
        with self.database.transaction() as tx:
            return jobs.lock(tx, [self.job_id])[self.job_id]

    def count(self, table: str) -> int:
        with self.database.transaction() as tx:
            row = tx.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(row[0]) if row else 0


@pytest.fixture
def rig(database_url: str, tmp_path: Path) -> Iterator[Rig]:
    database = Database(database_url)
    database.open()
    yield Rig(database, tmp_path)
    database.close()


def _fit(tmp_path: Path) -> Any:
    return _look(answer(_jpeg()), tmp_path)


def test_nothing_is_submitted_before_the_source_was_seen(rig: Rig, tmp_path: Path) -> None:
    looking = rig.begin()
    assert looking is not None
    assert isinstance(looking.about, LookAtSource)
    assert rig.count("attempts") == 0
    _, _, outcome = rig.finish(looking, _fit(tmp_path))

    assert [event.name for event in outcome.emit] == ["payment.completed"]
    submitting = rig.begin()
    assert submitting is not None
    assert isinstance(submitting.about, Ask)


def test_a_look_that_died_is_repeated_and_not_skipped(rig: Rig) -> None:
    assert rig.begin() is not None  # and its worker is gone
    assert rig.begin() is None, "another message waits for whoever is looking"
    again = rig.begin(redelivered=True)

    assert again is not None
    assert isinstance(again.about, LookAtSource)
    assert rig.count("attempts") == 0


def test_a_bad_source_is_refunded_without_an_attempt(rig: Rig) -> None:
    looking = rig.begin()
    assert looking is not None
    rig.finish(looking, Bad("source_changed", "1 x 1 instead of 451 x 300", tell=True))

    job = rig.job()
    assert (job.stage, job.status, job.failure_reason) == (Stage.REFUND, Status.FAILED, "source_changed")
    assert rig.count("attempts") == 0
    assert rig.count("attention") == 1


def test_a_missing_source_is_looked_for_three_times(rig: Rig) -> None:
    for expected in (Stage.SUBMIT, Stage.SUBMIT, Stage.REFUND):
        looking = rig.begin()
        assert looking is not None
        rig.finish(looking, Missing("the server answers 404"))
        assert rig.job().stage is expected


def test_a_server_that_did_not_answer_has_not_said_that_the_source_is_gone(rig: Rig) -> None:
    silent, missing = NotSeen("time-out"), Missing("the server answers 404")
    for answered in (silent, silent, silent, missing, silent, missing):
        looking = rig.begin()
        assert looking is not None
        rig.finish(looking, answered)
        assert rig.job().stage is Stage.SUBMIT
    looking = rig.begin()
    assert looking is not None
    rig.finish(looking, missing)
    assert (rig.job().stage, rig.job().failure_reason) == (Stage.REFUND, "source_gone")


def test_a_person_s_decision_counts_a_gone_source_anew(rig: Rig) -> None:
    silent, missing = NotSeen("time-out"), Missing("the server answers 404")
    for round_of in ((missing, missing), (silent, silent, missing, missing)):
        for answered in round_of:
            looking = rig.begin()
            assert looking is not None
            rig.finish(looking, answered)
            assert rig.job().stage is Stage.SUBMIT
        with rig.database.transaction() as tx:
            tx.execute("UPDATE jobs SET tries = 0, version = version + 1")  # as every decision about an order does


def test_a_decision_made_during_a_look_is_not_undone_by_its_answer(rig: Rig) -> None:
    missing = Missing("the server answers 404")
    for decided in (False, False, True):
        looking = rig.begin()
        assert looking is not None
        if decided:
            with rig.database.transaction() as tx:
                tx.execute("UPDATE jobs SET tries = 0, version = version + 1")
        rig.finish(looking, missing)
    assert rig.job().stage is Stage.SUBMIT


def test_a_source_whose_decoder_is_killed_each_time_is_refunded(rig: Rig) -> None:
    for expected in (Stage.SUBMIT, Stage.SUBMIT, Stage.REFUND):
        looking = rig.begin()
        assert looking is not None
        rig.finish(looking, NotSeen("killed", killed=True))
        assert rig.job().stage is expected
    assert rig.job().failure_reason == "source_unfit"


def test_failures_of_another_kind_are_no_killed_decoders(rig: Rig) -> None:
    down, killed = NotSeen("no answer"), NotSeen("killed", killed=True)
    for found in (down, down, killed, down, killed):
        looking = rig.begin()
        assert looking is not None
        rig.finish(looking, found)
        assert rig.job().stage is Stage.SUBMIT
