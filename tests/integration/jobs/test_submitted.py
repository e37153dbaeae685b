"""How a submission was answered, on the attempt's row: only where the row is still as this claim left it."""

import uuid
from typing import Any

import pytest

from common import attempts
from common.attempts import AttemptState, Claim, Record
from common.lane import Answered, Work
from common.provider import NotAccepted, OurTrouble, PictureRefused, Report, State, SubmitAnswer, Unknown
from services.ingest.webhooks import _note as note_hint
from services.submitter.answers import TooLate
from services.submitter.handler import Ask, Submit
from services.submitter.settings import SubmitterSettings
from tests.integration.runtime.rig import Rig
from tests.unit.builders import a_job, settings, the_plans

LIFE_S = 3600.0
LANE = Submit(settings(SubmitterSettings), the_plans())
ACCEPTED, BUSY, LOST = Report("up_1", State.QUEUED), NotAccepted("429", busy=True), Unknown("?")
GOOD, BAD = Report("up_1", State.SUCCEEDED, "u"), Report("up_1", State.FAILED)
# What became of the row meanwhile: written under the claim, claimed again, or told by the provider's webhook.
ROWS: dict[str, AttemptState | str | None] = {
    "ours": None,
    "claimed by another": "again",
    "hooked": "hint",
    "unknown": AttemptState.UNKNOWN,
    "open": AttemptState.OPEN,
    "failed": AttemptState.FAILED,
}
RECORDS: list[tuple[str, SubmitAnswer | TooLate, str]] = [
    ("ours", ACCEPTED, "open"), ("ours", GOOD, "succeeded"), ("ours", BAD, "failed"), ("ours", LOST, "unknown"),
    ("ours", PictureRefused("422"), "failed"), ("ours", BUSY, "waiting"), ("ours", OurTrouble("401"), "waiting"),
    ("ours", TooLate(), "waiting"),
    ("unknown", ACCEPTED, "open"), ("unknown", GOOD, "succeeded"), ("unknown", BAD, "failed"),
    ("unknown", BUSY, "unknown"), ("unknown", TooLate(), "unknown"), ("unknown", PictureRefused("422"), "unknown"),
    ("claimed by another", ACCEPTED, "claimed"), ("claimed by another", BUSY, "claimed"),
    ("claimed by another", LOST, "claimed"), ("claimed by another", TooLate(), "claimed"),
    ("hooked", LOST, "open"), ("hooked", ACCEPTED, "open"), ("hooked", GOOD, "succeeded"),
    ("open", BAD, "open"), ("open", BUSY, "open"), ("failed", ACCEPTED, "failed"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "answer", "state"), RECORDS)
def test_an_answer_is_recorded_only_where_it_belongs(
    desk: Rig, job: uuid.UUID, row: str, answer: SubmitAnswer | TooLate, state: str
) -> None:
    claim, meanwhile = Claim(job, 1, 1), ROWS[row]
    with desk.database.transaction() as tx:
        attempts.claim(tx, [claim], 60)
        if isinstance(meanwhile, AttemptState):
            attempts.record(tx, [Record(job, 1, meanwhile, ended=meanwhile is AttemptState.FAILED)], LIFE_S)
        elif meanwhile == "again":
            attempts.record(tx, [Record(job, 1, AttemptState.WAITING, ended=False)], LIFE_S)
            attempts.claim(tx, [claim._replace(claim_no=2, again=True)], 60)
        elif meanwhile == "hint":
            note_hint(tx, job, 1, "up_1")
    about: Any = Ask(claim, None, 0)  # type: ignore[arg-type] # what was sent does not matter here
    with desk.database.transaction() as tx:
        LANE.finish(tx, [Answered(Work(None, a_job(job_id=job)), about, answer)])  # type: ignore[arg-type] # nor the event

    assert desk.sql("SELECT state FROM attempts") == [(state,)]
