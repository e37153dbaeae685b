"""How a delivery moves (design section 3): decode, load and claim, ask, commit, publish, acknowledge.

One thread of a lane at a time takes a natural batch (what is there, never waiting for more) of new deliveries and of
answers alike, and commits what it makes of them in one transaction; in between, threads `ask` the outside world while
no transaction is open. Two that decide would halve the batches: docs/decisions/0032-one-deciding-thread.md.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

import structlog

from common import crash, jobs, logs
from common.batches import backoff_s, one_per_key
from common.broker import Broker
from common.confirms import Message
from common.crew import Crew
from common.database import MOVED, PASSING, Database, DatabaseAwayError, Transaction, send_commit
from common.deliveries import Delivery, Subscription
from common.events import Event, MalformedMessageError, decode
from common.failures import failed
from common.jobs import Job
from common.lane import Answered, Changes, Decided, Item, Lane, Question, Settled, Work
from common.metrics import Metrics
from common.outage import Patient
from common.outcomes import Move, Nothing, Outcome, Refuse, Wait
from common.outflow import dead_letter, follows, report
from common.stages import Plan, Stage
from common.tap import DATABASE, STOPPING, Tap

OVERRIDE_TRIES = 3
UNDELIVERED = (Stage.SUBMIT, Stage.WATCH, Stage.FETCH)

log = structlog.get_logger()


def _job_id(item: Item) -> UUID:
    return item.event.job_id


class LaneRunner:
    """Runs one lane: its subscription and its threads."""

    def __init__(self, lane: Lane, database: Database, plans: Mapping[Stage, Plan], metrics: Metrics) -> None:
        self.lane = lane
        self._database = database
        self._plans = plans
        self._metrics = metrics
        self._events = {event.queue: event for event in lane.events}
        self._crew: Crew[Delivery, Item] = Crew(lane.name, lane.threads, self._decide_all, self._ask)
        self._stopping = threading.Event()
        self._pending = 0
        self._idle = threading.Condition()
        self._patient = Patient(lambda: self.tap.close(DATABASE), lambda: self.tap.open(DATABASE), self._stopping)
        self._tap: Tap | None = None

    def attach(self, broker: Broker) -> None:
        """Subscribe to the lane's queues; before the broker starts."""
        self._tap = Tap(broker, Subscription(list(self._events), self.lane.prefetch, self._crew.put))
        broker.subscribe(self._tap.subscription)
        self._metrics.watch(self.lane.name, [event.name for event in self.lane.events], lambda: self._pending)

    def stop_taking(self) -> None:
        """From now on what the broker brings is left to it."""
        self.tap.close(STOPPING)
        with self._idle:
            self._stopping.set()

    def drain(self, timeout_s: float) -> bool:
        """Take no more, finish what is under way; False when that took too long (it will be delivered again)."""
        self.stop_taking()
        with self._idle:
            drained = self._idle.wait_for(lambda: self._pending == 0, timeout_s)
        self._crew.stop()
        return drained

    @property
    def alive(self) -> bool:
        return self._crew.alive

    @property
    def busy(self) -> int:
        """Deliveries that were taken and are not finished."""
        return self._pending

    @property
    def tap(self) -> Tap:
        """Closed and opened by an operator's pause, and by the lane itself while the database is away."""
        if self._tap is None:
            raise RuntimeError(f"the lane {self.lane.name} was not attached to a broker")
        return self._tap

    # --- who decides ---------------------------------------------------------------------------------------------

    def _decide_all(self, batch: Sequence[Delivery | Item]) -> None:
        items: list[Item] = []
        deliveries: list[Delivery] = []
        for entry in batch:
            items.append(entry) if isinstance(entry, Item) else deliveries.append(entry)
        with contextlib.suppress(DatabaseAwayError):  # raised only while stopping
            rounds = one_per_key(items + self._taken(deliveries), _job_id)
            for apart in rounds:
                self._settle(self._guarded(apart))
                if apart is not rounds[-1]:
                    self._crew.call()  # what was claimed is asked by others: the next transaction may wait for long

    def _taken(self, deliveries: Sequence[Delivery]) -> list[Item]:
        """New work, counted from here on; while stopping, none: it goes back to the queue as the connection closes."""
        with self._idle:
            if self._stopping.is_set():
                return []
            self._pending += len(deliveries)
        if crash.broken("ack_before_commit") and deliveries:
            self.tap.broker.complete([(delivery, []) for delivery in deliveries])
        return [item for delivery in deliveries if (item := self._decoded(delivery))]

    def _decoded(self, delivery: Delivery) -> Item | None:
        cls = self._events[delivery.queue]
        try:
            return Item(delivery, decode(delivery.body, cls), time.monotonic())
        except MalformedMessageError as error:
            self._emit([(delivery, [dead_letter(delivery, cls, str(error))])])
            self._metrics.refused(self.lane.name, cls.name)
            self._done(1)
            return None

    def decide(self, items: Sequence[Item]) -> list[Decided]:
        """Begin what is new and finish what was answered in one transaction: at most one item per job."""
        # Not across an outage: where a standby took over, another row may have the version that was lost.
        alone = len(items) == 1 and items[0].asked and items[0].claimed > self._patient.away_at
        decided = (alone and self._as_claimed(items)) or self._transaction(items, self._step)
        for item, job, step in decided:
            if isinstance(step, Question):  # not before the commit: what is rolled back is new again
                item.job, item.about, item.claimed = job, step.about, time.monotonic()
        return decided

    def _as_claimed(self, items: Sequence[Item]) -> list[Decided] | None:
        """Finish one answer from the row as its claim saw it, with no wait for it; None: it has moved since (0038)."""
        try:
            return self._transaction(items, self._last_step)
        except MOVED:
            return None

    def _last_step(self, tx: Transaction, items: Sequence[Item]) -> Changes:
        known = {i.job.job_id: i.job.after(time.monotonic() - i.claimed) for i in items if i.job}
        for job in known.values():
            jobs.hold(tx, job)
        return self._apply(tx, self._finish(tx, items, known))

    def _step(self, tx: Transaction, items: Sequence[Item]) -> Changes:
        new = [item for item in items if not item.asked]
        asked = [item for item in items if item.asked]
        reads = () if asked or len(new) > 1 else self.lane.reads  # in a crowd `begin` asks of some of them
        known = jobs.lock(tx, [item.event.job_id for item in items], reads)
        return self._apply(tx, self._finish(tx, asked, known) + self._begin(tx, new, known))

    def _begin(self, tx: Transaction, items: Sequence[Item], known: Mapping[UUID, Job]) -> list[Decided]:
        decided: list[Decided] = []
        work: list[tuple[Item, Work]] = []
        for item in items:
            job = known.get(item.event.job_id)
            verdict = self._before(job, item.event)
            if verdict is None and job is not None:
                work.append((item, Work(item.event, job, item.delivery.redelivered)))
            else:
                decided.append((item, job, verdict or Refuse(f"no job has the id {item.event.job_id}")))
        if work:
            steps = self.lane.begin(tx, [w for _, w in work])
            decided += [(item, w.job, step) for (item, w), step in zip(work, steps, strict=True)]
        return decided

    def _finish(self, tx: Transaction, items: Sequence[Item], fresh: Mapping[UUID, Job]) -> list[Decided]:
        claimed = {item.event.job_id: item.job for item in items if item.job}
        known = crash.stale(fresh, claimed)
        about = [(item, known[item.event.job_id]) for item in items]
        answered = [(item, job) for item, job in about if item.error is None]
        work = [
            Answered(Work(item.event, job), item.about, item.answer, job.as_it_was(claimed[job.job_id]))
            for item, job in answered
        ]
        outcomes = self.lane.finish(tx, work) if work else []
        decided: list[Decided] = [(*pair, outcome) for pair, outcome in zip(answered, outcomes, strict=True)]
        return decided + [(item, job, self._later(job)) for item, job in about if item.error]

    def _apply(self, tx: Transaction, decided: list[Decided]) -> Changes:
        changes = [(job, step) for _, job, step in decided if job and isinstance(step, Move | Wait)]
        return Changes(decided, jobs.change(tx, self._plans, self.lane.name, changes))

    def _before(self, job: Job | None, event: Event) -> Outcome | None:
        """What holds for every lane: a job must exist, its promise comes before its stage, a held one is left alone."""
        if job is None:
            return Refuse(f"no job has the id {event.job_id}")
        insists = event.insists  # a person sets a new date for the promise
        if job.overdue and job.stage in UNDELIVERED and not insists:
            return failed(job, "promise")._replace(hold="")  # the refund lane leaves held jobs alone
        if job.held and not self.lane.acts_on_held and not insists:
            return Nothing("held")
        return None

    # --- who asks ------------------------------------------------------------------------------------------------

    def _ask(self, item: Item) -> None:
        logs.telling_of.set(item.event)
        try:
            item.answer = self.lane.ask(item.about)
        except Exception as unexpected:
            item.error = unexpected
            log.exception("ask.crashed")
        finally:
            logs.telling_of.set(None)

    # --- how a decision is committed, and what follows -----------------------------------------------------------

    def _guarded(self, items: Sequence[Item], tries_left: int = OVERRIDE_TRIES) -> list[Decided]:
        """Run a batch in one transaction; on a failure one by one, so that one bad outcome sinks only itself.

        An answer from outside is not to be had twice, and a person's override has no wake-up that would repeat it: they
        are tried again. In the end the override is a dead letter.
        """
        try:
            return self._patient.run(lambda: self.decide(items))
        except DatabaseAwayError:
            raise  # only while stopping: the delivery goes back to its queue
        except Exception as error:  # whatever it is, it is logged and counted; the job's wake-up is its retry
            if len(items) > 1:
                log.warning("batch.split", size=len(items), exc_info=True)
                return [result for item in items for result in self._guarded([item])]
            log.exception("outcome.failed", job_id=str(items[0].event.job_id))
            insists = items[0].event.insists
            if isinstance(error, PASSING) and tries_left and (insists or items[0].asked):
                return self._guarded(items, tries_left - 1)
            if not insists:
                return self._postponed(items)
            return [(items[0], None, Refuse(f"this override met an error ({type(error).__name__}): replay it"))]

    def _transaction(
        self, items: Sequence[Item], step: Callable[[Transaction, Sequence[Item]], Changes]
    ) -> list[Decided]:
        with self._database.deciding() as tx:
            changes = step(tx, items)
            crash.point("before_commit")
            send_commit(tx)
            for item, _, outcome in changes.decided:  # made while the server writes
                item.following = self._follows(item, outcome) if isinstance(outcome, Move) else ()
        crash.point("after_commit")
        return changes.as_they_were()

    def _postponed(self, items: Sequence[Item]) -> list[Decided]:
        """Count the failure and set a wake-up; where even that fails, the one that every job has must do."""
        try:
            return self._patient.run(lambda: self._transaction(items, self._postpone))
        except DatabaseAwayError:
            raise
        except Exception:  # a row that somebody holds, for instance: no reason to end a whole worker
            log.exception("outcome.not_postponed", job_id=str(items[0].event.job_id))
            return [(items[0], None, Nothing("left to its wake-up"))]

    def _postpone(self, tx: Transaction, items: Sequence[Item]) -> Changes:
        job_id = items[0].event.job_id
        job = jobs.lock(tx, [job_id]).get(job_id)
        return self._apply(tx, [(items[0], job, self._later(job) if job else Nothing("no such job"))])

    def _later(self, job: Job) -> Outcome:
        plan = self._plans.get(job.stage)
        return Wait(backoff_s(plan, job.tries), counted=True, kind="stumbled") if plan else Nothing("settled")

    def _settle(self, decided: Sequence[Decided]) -> None:
        """Committed: leave the questions to who asks, publish what follows, acknowledge."""
        settled: list[Settled] = []
        for item, job, step in decided:
            if isinstance(step, Question):
                self._crew.question(item, slow=step.slow)
            else:
                settled.append((item, job, step))
        if not settled:
            return
        finished = [
            (item.delivery, item.following if isinstance(outcome, Move) else self._follows(item, outcome))
            for item, _, outcome in settled
        ]
        self._emit(finished)
        report(self._metrics, self.lane.name, settled)
        self._done(len(finished))

    def _follows(self, item: Item, outcome: Outcome) -> Sequence[Message]:
        return follows(self.lane.name, item.delivery, type(item.event), outcome)

    def _emit(self, finished: Sequence[tuple[Delivery, Sequence[Message]]]) -> None:
        self.tap.broker.complete(finished)
        keys = [message.routing_key for _, messages in finished for message in messages]
        self._metrics.published(self.lane.name, keys)

    def _done(self, count: int) -> None:
        with self._idle:
            self._pending -= count
            self._idle.notify_all()
