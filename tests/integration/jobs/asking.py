"""What the submitter and the poller ask of the provider's capacity, as their transactions do."""

from uuid import UUID

from common import attempts, breaker, capacity, jobs
from common.attempts import AttemptState, Claim, Record
from common.capacity import Turn
from common.limits import Limits
from common.provider import NotAccepted, Report, State
from tests.integration.runtime.rig import Rig

LIMITS = Limits(
    in_flight=2, submits_per_min=6000, breaker_after=2, breaker_pause_s=30, breaker_longest_s=60, probe_s=30
)
WAIT_S = 60.0
GOOD = Report("up_1", State.QUEUED)
AWAY = NotAccepted("the connection was refused", busy=False)


def ask(desk: Rig, *wanted: UUID, limits: Limits = LIMITS) -> dict[UUID, Turn]:
    """As the submitter's `begin` does: jobs locked, turns asked for, attempts claimed."""
    with desk.database.transaction() as tx:
        jobs.lock(tx, wanted)
        turns = dict(capacity.turns(tx, wanted, limits, WAIT_S))
        tried = attempts.of_jobs(tx, wanted)
        claims = [Claim(job, 1, 1, again=job in tried) for job in wanted if turns[job].go]
        if claims:
            attempts.claim(tx, claims, 60)
    return turns


def going(turns: dict[UUID, Turn]) -> list[UUID]:
    return [job for job, turn in turns.items() if turn.go]


def end(desk: Rig, job: UUID) -> None:
    with desk.database.transaction() as tx:
        attempts.record(tx, [Record(job, 1, AttemptState.SUCCEEDED, ended=True)], 60)


def wake(desk: Rig, limits: Limits = LIMITS) -> int:
    with desk.database.transaction() as tx:
        return capacity.wake_waiting(tx, limits)


def hear(desk: Rig, *answers: object) -> None:
    with desk.database.transaction() as tx:
        breaker.heard(tx, answers, LIMITS)


def state(desk: Rig) -> str:
    with desk.database.transaction() as tx:
        return breaker.read(tx).state


def due(desk: Rig) -> list[UUID]:
    return [job for (job,) in desk.sql("SELECT job_id FROM jobs WHERE wake_at <= now() + interval '1 second'")]
