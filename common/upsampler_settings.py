"""The settings of the provider's client, shared by submitter and poller."""

from pydantic import Field, SecretStr

from common.provider import NULL_URL, Provider
from common.settings import CommonSettings
from common.upsampler import Dialect, NullProvider, Upsampler


class UpsamplerSettings(CommonSettings):
    """How the provider is reached."""

    upsampler_url: str = Field(default="https://upsampler.com/api/v1", examples=["https://upsampler.com/api/v1"])
    upsampler_api_key: SecretStr = Field(examples=["the key from your Upsampler account"])
    upsampler_dialect: Dialect = "live"
    upsampler_timeout_s: float = Field(default=30, gt=0, description="seconds for one call")
    result_life_s: float = Field(default=3 * 3600, gt=0, description="how long a result's link lives at the provider")

    @property
    def provider(self) -> Provider:
        """A client for these settings."""
        if self.upsampler_url == NULL_URL:
            return NullProvider()
        return Upsampler(self.upsampler_url, self.upsampler_api_key, self.upsampler_dialect, self.upsampler_timeout_s)
