"""The submitter's settings."""

from pydantic import Field

from common.settings import SecretKeySettings
from common.upsampler_settings import UpsamplerSettings


class SubmitterSettings(UpsamplerSettings, SecretKeySettings):
    """`UPSAMPLER_MAX_IN_FLIGHT`: jobs at the provider at once, over all replicas."""

    public_url: str = Field(examples=["https://pictures.example.com"])
    upsampler_max_in_flight: int = Field(default=15, ge=1)
    capacity_wait_s: float = Field(default=2, gt=0, description="when an order looks again for a free slot")
    source_link_hours: float = Field(default=6, gt=0, description="how long the provider may fetch a private source")
