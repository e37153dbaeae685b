"""How a submission was answered, on its attempt's row."""

from dataclasses import dataclass

from common.attempts import AttemptState, Claim, Record
from common.lane import Answered
from common.provider import NotAccepted, OurTrouble, PictureRefused, Report, State, Unknown

_ENDS = {State.SUCCEEDED: AttemptState.SUCCEEDED, State.FAILED: AttemptState.FAILED}


@dataclass(frozen=True, slots=True)
class TooLate:
    """The claim was about to run out: nothing was sent."""


def record_of(answered: Answered, *, told_by_webhook: bool) -> Record:
    """The row's new state, if it is as this claim left it; a late answer heals an `unknown`, too. `told_by_webhook`:
    the answer was lost, but the provider has the picture.
    """
    claim: Claim = answered.about.claim
    key, number = (claim.job_id, claim.attempt), claim.claim_no
    match answered.answer:
        case Report(state=state) as told:
            kind = _ENDS.get(state, AttemptState.OPEN)
            ended = kind is not AttemptState.OPEN
            spent = None if answered.work.job.canary else told.credits
            return Record(*key, kind, ended, told.provider_id, state.value, told.result_url, spent, told.error, number)
        case Unknown(why=why):
            kind = AttemptState.OPEN if told_by_webhook else AttemptState.UNKNOWN
            return Record(*key, kind, ended=False, error=why, claim_no=number)
        case PictureRefused(why=why):
            return Record(*key, AttemptState.FAILED, ended=True, error=why, claim_no=number)
        case NotAccepted() | OurTrouble() | TooLate():
            return Record(*key, AttemptState.WAITING, ended=False, claim_no=number)
    raise TypeError(f"no answer to a submission: {answered.answer!r}")
