"""The poller's settings: those of the provider's client; its waits stand in the stage table's settings."""

from pydantic import Field

from common.budget import BudgetSettings
from common.limits import LimitSettings
from common.upsampler_settings import UpsamplerSettings


class PollerSettings(UpsamplerSettings, LimitSettings, BudgetSettings):
    """`POLL_FIRST_S`, `POLL_INTERVAL_S`, `PROCESSING_TIMEOUT_S` and the provider's settings."""

    clock_claim_s: float = Field(default=30, gt=0, description="until a job wakes again whose clock died over it")
    census_s: float = Field(default=10, gt=0, description="seconds between two counts of the jobs, for the dashboards")
    upsampler_checks_per_min: int = Field(default=240, ge=1, description="status checks in any minute")
