"""The shape of a lane: what a service's handler gives to the runtime, and what it gets (design section 3)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from common.confirms import Message
from common.database import Row, Transaction
from common.deliveries import Delivery
from common.events import Event
from common.jobs import Job
from common.outcomes import Move, Nothing, Outcome, Wait

CALLS_HELD = 16  # a thread: where each delivery is a call, more would wait here for longer than a claim may


class Work(NamedTuple):
    """One event and its job's row, locked in the current transaction. `redelivered`: its first consumer is gone."""

    event: Event
    job: Job
    redelivered: bool = False


class Question(NamedTuple):
    """What a claim allows this delivery to ask outside. `about` is the lane's own frozen value. `slow`: other threads
    ask it, so that no quick one waits behind it.
    """

    about: Any
    slow: bool = False


class Answered(NamedTuple):
    """An answer from outside, with the job's row as it is now: it may have moved, unless it is `as_claimed`."""

    work: Work
    about: Any
    answer: Any
    as_claimed: bool = False


@dataclass(slots=True, eq=False)
class Item:
    """A delivery on its way through the lane, with one thread at a time. `job` (as it was then) and `about` are there
    once the claim of its question is committed (at `claimed`, as `since` monotonic seconds), `answer` or `error` once
    it was asked, `following` once it moves its job.
    """

    delivery: Delivery
    event: Event
    since: float
    job: Job | None = None
    claimed: float = 0.0
    about: Any = None
    answer: Any = None
    error: Exception | None = None
    following: Sequence[Message] = ()

    @property
    def asked(self) -> bool:
        """Its claim is committed: it is on its way outside, or back."""
        return self.job is not None


Settled = tuple[Item, Job | None, Outcome]
Decided = tuple[Item, Job | None, Question | Outcome]


class Changes(NamedTuple):
    """What was decided, and the ids of the jobs that were as expected: known when the transaction is over."""

    decided: list[Decided]
    applied: Iterable[Row]

    def as_they_were(self) -> list[Decided]:
        applied = {row[0] for row in self.applied}
        return [
            (item, job, Nothing("the job moved meanwhile"))
            if job and isinstance(step, Move | Wait) and job.job_id not in applied
            else (item, job, step)
            for item, job, step in self.decided
        ]


class Lane(Protocol):
    """One source of work and its handler. The three methods are called in this order, for natural batches.

    `begin` runs in a transaction with every job locked, at most one delivery per job: claim what is to be asked, or
    decide at once. `ask` runs in a handler thread with no transaction open, and raises only the unexpected. `finish`
    runs in a second transaction, jobs locked again: record every answer, then decide from the rows as they are now.
    `reads`: the statements that `begin` asks first, each of the same `ids`: for an order alone they are sent with the
    one that locks it. At most `prefetch` messages of each queue are held, `threads` of them asked about at once.
    """

    name: str
    events: Sequence[type[Event]]
    acts_on_held: bool
    reads: Sequence[str]
    threads: int
    prefetch: int

    def begin(self, tx: Transaction, work: Sequence[Work]) -> Sequence[Question | Outcome]: ...
    def ask(self, about: Any) -> Any: ...
    def finish(self, tx: Transaction, answered: Sequence[Answered]) -> Sequence[Outcome]: ...
