"""The job's life against a plain model: every event in every order, twice, stale, with crashes between any two steps.

Each step is one transaction of the real lanes on a real PostgreSQL. A crash is an item that nobody finishes.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from common import crash, jobs
from common.database import Database
from common.deliveries import Delivery, Subscription
from common.events import EVENTS, Event
from common.lane import Item, Lane
from common.metrics import Metrics
from common.runtime import LaneRunner
from common.stages import Plan, Stage, Status
from services.finisher.handler_deliver import Deliver
from services.finisher.handler_refund import Refund
from services.finisher.settings import DeliverSettings, RefundSettings
from services.ingest.webhooks import _note as note_hint
from services.notifier.handler import Notify, Send
from services.notifier.settings import NotifierSettings
from services.poller.handler import Watch
from services.poller.settings import PollerSettings
from services.submitter.handler import Ask, Submit
from services.submitter.settings import SubmitterSettings
from tests.integration.life.outside import GOOD, WAYS, Outside, hint_id
from tests.integration.life.rows import PLANS, moved, ordered, paid
from tests.unit import builders

EXAMPLES, STEPS = 2000, 50
ROUNDS = 40
SEEN_HERE = ("no_stage_condition", "answer_not_recorded", "random_refund_key", "no_attempt_row")  # of crash.MUTANTS
# Time does not pass between the steps, and each life is the first: what waits for a slot, for the breaker or, with many
# refunds in an hour, for a person has tests of its own.
FREE = {"upsampler_submits_per_min": 10**9, "breaker_pause_s": 1e-6, "breaker_longest_s": 1e-6, "breaker_probe_s": 1e-6}
ENDS = {Stage.REMIND, Stage.KEEP, Stage.SETTLED}
NOBODY = Subscription([], 1, lambda _delivery: None)
LEASES = {
    "attempts": ("claimed_until", "submitted_at", "ended_at"),
    "deliveries": ("claimed_until",),
    "sources": ("claimed_until",),
    "refunds": ("claimed_until",),
    "mails": ("claimed_until",),
}


def _lanes(plans: Mapping[Stage, Plan]) -> list[Lane]:
    return [
        Submit(builders.settings(SubmitterSettings, **FREE), plans),
        Watch(builders.settings(PollerSettings, upsampler_checks_per_min=10**9), plans),
        Deliver(builders.settings(DeliverSettings), plans),
        Refund(builders.settings(RefundSettings, refunds_per_hour=10**6), plans),
        Notify(builders.settings(NotifierSettings), plans),
    ]


class Life(RuleBasedStateMachine):
    """One job. `asked`: claimed and not called yet; `called`: done outside, the answer not written down yet.

    `runners`: by event, the same for all lives, as in a worker. `eye`: for looking, beside the workers' connections.
    """

    database: Database
    runners: Mapping[str, LaneRunner]
    eye: psycopg.Connection

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Item] = []
        self.called: list[Item] = []
        self.crashed_after_mail = 0
        self.repeated_meanwhile = 0  # mails that another sent again before their answer was written down
        self.outside = Outside(0)

    @initialize()
    def pay(self) -> None:
        with self.database.transaction() as tx:
            self.job_id: UUID = ordered(tx)
            self.outside.charged = moved(tx, self.job_id, paid()).charged_cents

    @rule(name=st.sampled_from(sorted(EVENTS)), redelivered=st.booleans())
    def any_event(self, name: str, redelivered: bool) -> None:  # noqa: FBT001 - hypothesis draws it
        if name in self.runners:
            self._begin(EVENTS[name](job_id=self.job_id), redelivered=redelivered)

    @rule(redelivered=st.booleans())
    def the_clock(self, redelivered: bool) -> None:  # noqa: FBT001 - hypothesis draws it
        event = jobs.event_for(self._job(), PLANS)
        if event is not None:
            self._begin(event, redelivered=redelivered)

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), how=st.sampled_from((GOOD, GOOD, GOOD, *WAYS)))
    def a_call(self, data: st.DataObject, how: str) -> None:
        self._call(self.asked.pop(data.draw(_index(self.asked))), how)

    @precondition(lambda self: self.called)
    @rule(data=st.data())
    def an_answer(self, data: st.DataObject) -> None:
        item = self.called.pop(data.draw(_index(self.called)))
        self.repeated_meanwhile += isinstance(item.about, Send) and self._unexplained_repeats() > 0
        self._finish(item)

    @precondition(lambda self: self.asked or self.called)
    @rule(data=st.data())
    def a_crash(self, data: st.DataObject) -> None:
        """Whoever is between claim and call, or between call and record, is gone."""
        lost = data.draw(st.sampled_from([items for items in (self.asked, self.called) if items]))
        item = lost.pop(data.draw(_index(lost)))
        self.crashed_after_mail += lost is self.called and isinstance(item.about, Send)

    @rule()
    def the_leases_run_out(self) -> None:
        """Who comes too late neither submits nor mails: the claim is checked just before. The other calls go on."""
        self.asked = [item for item in self.asked if not isinstance(item.about, Ask | Send)]
        with self.database.transaction() as tx:
            for table, columns in LEASES.items():
                past = ", ".join(f"{column} = {column} - interval '1 day'" for column in columns)
                tx.execute(f"UPDATE {table} SET {past} WHERE job_id = %s", [self.job_id])

    @rule(attempt=st.integers(1, 3))
    def a_hint(self, attempt: int) -> None:
        """The provider's webhook: it knows its own id, and tells it whenever it likes."""
        provider_id = hint_id(self.outside, self.job_id, attempt)
        if provider_id:
            with self.database.transaction() as tx:
                note_hint(tx, self.job_id, attempt, provider_id)

    @invariant()
    def no_attempt_was_submitted_twice(self) -> None:
        assert all(count == 1 for count in self.outside.submissions.values()), self.outside.submissions

    @invariant()
    def never_more_than_one_refund(self) -> None:
        assert len(self.outside.refunds) <= 1
        assert self.outside.given_back in {0, self.outside.charged}
        assert all(len(keys) == 1 for keys in self.outside.refund_keys.values()), self.outside.refund_keys

    @invariant()
    def never_delivered_and_refunded(self) -> None:
        told = {kind for kind, _ in self.outside.mails}
        assert not {"ready", "refunded"} <= told
        if self.outside.refunds:
            assert self._job().status is not Status.COMPLETED

    @invariant()
    def each_mail_has_one_id_and_repeats_only_after_a_lost_answer(self) -> None:
        kinds = [kind for kind, _ in self.outside.mails]
        assert len(kinds) == len(set(kinds)), self.outside.mails
        assert self._unexplained_repeats() <= 0

    @invariant()
    def the_history_has_no_gap(self) -> None:
        if not hasattr(self, "job_id"):
            return
        rows = self.eye.execute(
            "SELECT from_stage, to_stage FROM job_events WHERE job_id = %s ORDER BY event_id", [self.job_id]
        ).fetchall()
        assert all(before[1] == after[0] for before, after in pairwise(rows))

    def teardown(self) -> None:
        """Left alone by all trouble, the job ends: delivered or refunded, and its customer knows."""
        if hasattr(self, "job_id"):
            self._let_it_end()
            # What hangs at the provider takes up places there for hours, from the lives to come.
            self.eye.execute("UPDATE attempts SET ended_at = now() WHERE job_id = %s", [self.job_id])
        super().teardown()

    def _let_it_end(self) -> None:
        for _ in range(ROUNDS):
            job = self._job()
            if job.stage in ENDS:
                break
            self.the_leases_run_out()
            self.called.clear()
            self.asked.clear()
            event = jobs.event_for(job, PLANS)
            assert event is not None
            self._begin(event, redelivered=False)
            while self.asked:
                self._call(self.asked.pop(), GOOD)
                self._finish(self.called.pop())
        job, told = self._job(), {kind for kind, _ in self.outside.mails}
        assert job.stage in ENDS, f"it stands in {job.stage} for good"
        delivered = job.status is Status.COMPLETED
        assert told & {"ready", "refunded"} == ({"ready"} if delivered else {"refunded"})
        assert self.outside.given_back == (0 if delivered else self.outside.charged) == job.refunded_cents
        assert not delivered or self.outside.files

    def _begin(self, event: Event, *, redelivered: bool) -> None:
        item = Item(Delivery(event.queue, b"", redelivered, 1, 1, NOBODY), event, 0.0)
        self.runners[event.name].decide([item])
        self.asked += [item] if item.asked else []

    def _call(self, item: Item, how: str) -> None:
        item.answer = self.outside.call(item.about, how)
        self.called.append(item)

    def _finish(self, item: Item) -> None:
        self.runners[item.event.name].decide([item])

    def _unexplained_repeats(self) -> int:
        repeats = sum(count - 1 for count in self.outside.mails.values())
        unwritten = sum(isinstance(item.about, Send) for item in self.called)
        return repeats - self.outside.lost_mails - self.crashed_after_mail - self.repeated_meanwhile - unwritten

    def _job(self) -> Any:
        with self.database.transaction() as tx:
            return jobs.lock(tx, [self.job_id])[self.job_id]


def _index(items: list[Item]) -> st.SearchStrategy[int]:
    return st.integers(0, len(items) - 1)


@pytest.fixture
def life(database_url: str) -> Iterator[type[Life]]:
    """The machine at a database and with workers of its own."""
    database = Database(database_url)
    database.open()
    runners = {
        event.name: runner
        for runner in (LaneRunner(lane, database, PLANS, Metrics()) for lane in _lanes(PLANS))
        for event in runner.lane.events
    }
    with psycopg.connect(database_url, autocommit=True) as eye:
        yield type("LifeHere", (Life,), {"database": database, "runners": runners, "eye": eye})
    database.close()


def _live(life: type[Life]) -> None:
    run_state_machine_as_test(
        life,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],  # shrinking a life takes minutes: a failure must be told before the time-out
        ),
    )


@pytest.mark.timeout(900)
def test_a_jobs_life_holds_its_promises_whatever_happens(life: type[Life]) -> None:
    _live(life)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "control", ["no_stage_condition", "answer_not_recorded", "random_refund_key", "no_attempt_row"]
)
def test_the_machine_sees_a_broken_control(life: type[Life], control: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crash, "_mutant", control)
    with pytest.raises(AssertionError):
        _live(life)
