"""The provider's limits as settings, shared by all who keep to them: submitter, the clock, and who sells."""

from dataclasses import dataclass

from pydantic import Field
from pydantic_settings import BaseSettings

from common.settings import RULES

# A call that was given a slot time starts at most this much before or after it: what a batch, a wake-up and a thread
# take. Slot times stand so far apart that even then no minute holds more calls than the limit.
EARLY_S, LATE_S = 1.0, 3.0
# pg_advisory_xact_lock key: who gives the provider's places goes alone. It is taken before the breaker's row.
CAPACITY_LOCK = 0x696E666C69676874


def spacing_s(per_min: int) -> float:
    """Seconds between two slot times, so that any 60 s of calls started around them hold at most `per_min`."""
    return (60.0 + EARLY_S + LATE_S) / per_min


@dataclass(frozen=True, slots=True)
class Limits:
    """What the provider takes at once and in a minute, and when an outage pauses everyone.

    `probe_s`: how long one call may try whether it is over, before another may.
    """

    in_flight: int
    submits_per_min: int
    breaker_after: int
    breaker_pause_s: float
    breaker_longest_s: float
    probe_s: float

    @property
    def spacing_s(self) -> float:
        return spacing_s(self.submits_per_min)


class LimitSettings(BaseSettings):
    """`UPSAMPLER_MAX_IN_FLIGHT`, `UPSAMPLER_SUBMITS_PER_MIN`: over all replicas (contracts.md section 4)."""

    model_config = RULES

    upsampler_max_in_flight: int = Field(default=15, ge=1, description="jobs at the provider at once")
    upsampler_submits_per_min: int = Field(default=90, ge=1, description="submissions in any minute")
    breaker_after: int = Field(
        default=5, ge=1, description="submissions in a row without an acceptance that pause all others"
    )
    breaker_pause_s: float = Field(
        default=30, gt=0, description="until one order tries again; doubles while that fails"
    )
    breaker_longest_s: float = Field(default=300, gt=0, description="growing pauses end here")
    breaker_probe_s: float = Field(default=90, gt=0, description="how long one try may take before another is made")

    @property
    def limits(self) -> Limits:
        return Limits(
            self.upsampler_max_in_flight,
            self.upsampler_submits_per_min,
            self.breaker_after,
            self.breaker_pause_s,
            max(self.breaker_longest_s, self.breaker_pause_s),
            self.breaker_probe_s,
        )
