"""How a submission was answered, on its attempt's row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.attempts import Attempt, AttemptState, Claim, Record
from common.lane import Answered
from common.provider import NotAccepted, OurTrouble, PictureRefused, Report, State, Unknown

_ENDS = {State.SUCCEEDED: AttemptState.SUCCEEDED, State.FAILED: AttemptState.FAILED}


@dataclass(frozen=True, slots=True)
class TooLate:
    """The claim was about to run out: nothing was sent."""


def asked_for(answered: Answered, known: Mapping[Any, Sequence[Attempt]]) -> Attempt:
    """The attempt that was submitted."""
    claim: Claim = answered.about.claim
    return next(a for a in known[claim.job_id] if a.attempt == claim.attempt)


def told_meanwhile(answered: Answered, known: Mapping[Any, Sequence[Attempt]]) -> bool:
    """The answer was lost, but the provider's webhook has told its id: it has the picture."""
    return isinstance(answered.answer, Unknown) and asked_for(answered, known).provider_id is not None


def record_of(answered: Answered, known: Mapping[Any, Sequence[Attempt]]) -> Record | None:
    """The row's new state. A late answer heals an `unknown`; an answer under an older claim changes nothing else."""
    claim: Claim = answered.about.claim
    row = asked_for(answered, known)
    ours = row.claim_no == claim.claim_no and row.state == AttemptState.CLAIMED
    key = (claim.job_id, claim.attempt)
    match answered.answer:
        case Report(state=state) as told if ours or row.state == AttemptState.UNKNOWN:
            kind = _ENDS.get(state, AttemptState.OPEN)
            ended = kind is not AttemptState.OPEN
            spent = None if answered.work.job.canary else told.credits
            return Record(*key, kind, ended, told.provider_id, state.value, told.result_url, spent, told.error)
        case Unknown(why=why) if ours:
            runs = told_meanwhile(answered, known)
            return Record(*key, AttemptState.OPEN if runs else AttemptState.UNKNOWN, ended=False, error=why)
        case PictureRefused(why=why) if ours:
            return Record(*key, AttemptState.FAILED, ended=True, error=why)
        case NotAccepted() | OurTrouble() | TooLate() if ours:
            return Record(*key, AttemptState.WAITING, ended=False)
    return None
