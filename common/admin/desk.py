"""The desk: finds the job, lets a verb decide about its locked row, and carries the decision out in one transaction."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from common import jobs
from common.admin import audit
from common.admin.audit import Decision
from common.attention import close_attention
from common.database import Database, Transaction
from common.events import Event
from common.jobs import Job
from common.metrics import moved
from common.outcomes import Move, Wait
from common.signing import Signer
from common.stages import Plan, Stage
from common.storage import Storage

TICKET = re.compile("tk_[0-9a-f]{32}")


class RefusedError(Exception):
    """The verb cannot be carried out; the message is for the person who asked. `code` is bounded."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class No:
    """The job's state forbids it: why, as a whole sentence."""

    why: str


@dataclass(frozen=True, slots=True)
class Yes:
    """What is done: the job's change, what the person is told, the attention that it settles (None: all of it).

    `say` must reach the broker: without it nothing happens.
    """

    told: str
    change: Move | Wait | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    settles: Sequence[str] | None = ()
    say: Event | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """It was decided. `repeated`: by an earlier request with the same id, now nothing was done. `moved`: where to."""

    job_id: UUID
    ticket: str
    verb: str
    told: str
    say: Event | None = None
    repeated: bool = False
    moved: tuple[Job, Move] | None = None


@dataclass(frozen=True, slots=True)
class Tools:
    """What some verbs need beyond the rows; whoever runs the desk gives what it has. Durations in seconds.

    `say` publishes one event and waits: True when the broker has it.
    """

    plans: Mapping[Stage, Plan]
    promise_s: float
    link_s: float
    signer: Signer | None = None
    storage: Storage | None = None
    say: Callable[[Event], bool] | None = None


class Verb(Protocol):
    """A decision about one job. `prepare` runs first, in its own transactions, and may write files.

    `repeat`: what a repeated request says to the broker once more.
    """

    name: str

    def prepare(self, desk: "Desk", key: str) -> "Verb": ...
    def decide(self, tx: Transaction, job: Job, decision: Decision, tools: Tools) -> Yes | No: ...
    def repeat(self, job: Job, decision: Decision) -> Event | None: ...


class Desk:
    """Carries out verbs. Raises RefusedError, DatabaseAwayError, StorageError."""

    def __init__(self, database: Database, tools: Tools) -> None:
        self.database = database
        self.tools = tools

    def act(self, verb: Verb, key: str, decision: Decision) -> Done:
        """One decision about the job that `key` (its id or its ticket) names."""
        done = self._made_before(verb, key, decision) or self._decided(verb.prepare(self, key), key, decision)
        if done.say and not (self.tools.say and self.tools.say(done.say)):
            self._not_sent(done)
            raise RefusedError("broker_away", "RabbitMQ did not take the message: nothing was done. Try again.")
        return done

    def would(self, verb: Verb, key: str, decision: Decision) -> Yes | No:
        """What it would decide now. Nothing of it is kept."""
        with self.database.transaction() as tx, tx.transaction(force_rollback=True):
            return verb.decide(tx, locate(tx, key), decision, self.tools)

    def _decided(self, verb: Verb, key: str, decision: Decision) -> Done:
        with self.database.transaction() as tx:
            job = locate(tx, key)
            done = self._again(tx, verb, job, decision) or self._carry_out(tx, verb, job, decision)
        if done.moved:
            moved(*done.moved)
        return done

    def _not_sent(self, done: Done) -> None:
        """The record must not say that something is on its way."""
        with self.database.transaction() as tx:
            audit.not_sent(tx, done.job_id, done.verb)

    def _made_before(self, verb: Verb, key: str, decision: Decision) -> Done | None:
        if decision.request_id is None:
            return None
        with self.database.transaction() as tx:
            return self._again(tx, verb, locate(tx, key), decision)

    def _again(self, tx: Transaction, verb: Verb, job: Job, decision: Decision) -> Done | None:
        """The answer to a repeated request. The job's lock lets only one of two equal requests be the first."""
        before = audit.find(tx, decision.request_id) if decision.request_id else None
        if before is None:
            return None
        if (before.verb, before.job_id) != (verb.name, job.job_id):
            raise RefusedError("request_id_used", f"This request id was used before, for another {before.verb}.")
        return Done(job.job_id, job.ticket, verb.name, before.told, verb.repeat(job, decision), repeated=True)

    def _carry_out(self, tx: Transaction, verb: Verb, job: Job, decision: Decision) -> Done:
        answer = verb.decide(tx, job, decision, self.tools)
        if isinstance(answer, No):
            raise RefusedError("state_forbids", answer.why)
        change = answer.change
        if change is not None:
            jobs.apply(tx, self.tools.plans, decision.author, [(job, change)])
        audit.record(tx, decision, verb.name, job.job_id, {**answer.detail, "told": answer.told})
        close_attention(tx, [job.job_id], answer.settles)
        left = (job, change) if isinstance(change, Move) else None
        return Done(job.job_id, job.ticket, verb.name, answer.told, answer.say, moved=left)


def locate(tx: Transaction, key: str) -> Job:
    """The job with this id or ticket, its row locked. Raises RefusedError."""
    job_id = identify(tx, key)
    return jobs.lock(tx, [job_id])[job_id]


def identify(tx: Transaction, key: str) -> UUID:
    """The id of the job with this id or ticket. Raises RefusedError."""
    column = "ticket" if TICKET.fullmatch(key) else "job_id"
    named = key if column == "ticket" else as_uuid(key)
    row = tx.execute(f"SELECT job_id FROM order_keys WHERE {column} = %(key)s", {"key": named}).fetchone()
    if row is None:
        raise RefusedError("unknown_order", f"No order has the id or ticket {key!r}.")
    found: UUID = row[0]
    return found


def as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
