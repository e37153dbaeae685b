"""The finisher's settings, by lane: the lane that decodes pictures is never given the Stripe key."""

from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from common.pictures.settings import PictureSettings
from common.settings import CommonSettings, RevokeSettings, SecretKeySettings


class FinisherSettings(CommonSettings):
    """What both lanes need."""


class DeliverSettings(PictureSettings, FinisherSettings, SecretKeySettings):
    """Where results may come from, how large they may be, where they are kept."""

    storage_url: str = Field(examples=["file:///var/lib/enlarger/files"])
    upsampler_url: str = "https://upsampler.com/api/v1"
    result_hosts: str = Field(
        default="", description="host[:port] list, added to the provider's host and its subdomains"
    )
    outbound_allow: str = Field(default="", description="host[:port] list that may have addresses that are not public")
    max_result_megapixels: float = Field(default=300, gt=0)
    max_result_bytes: int = Field(default=1_500_000_000, gt=0)
    fetch_deadline_s: float = Field(default=300, gt=0, description="seconds for one download")
    check_and_store_s: float = Field(default=300, gt=0, description="seconds for the check and the store after it")
    finish_threads: int = Field(default=2, ge=1, le=64, description="pictures decoded at once")

    @property
    def result_host_list(self) -> list[str]:
        """The hosts that results are fetched from."""
        provider = urlsplit(self.upsampler_url).hostname
        own = [provider, f".{provider}"] if provider else []
        return [*own, *self.result_hosts.split(",")]


class RefundSettings(FinisherSettings, RevokeSettings):
    """The key that refunds."""

    stripe_api_key: SecretStr = Field(
        examples=["sk_live_…, or a restricted key that may read charges and write refunds"]
    )
    refunds_per_hour: int = Field(
        default=20, ge=0, description="automatic refunds in an hour; more are held until a person releases them"
    )
    stripe_timeout_s: float = Field(default=25, gt=0, description="seconds for one call")
    stripe_api_base: str = Field(default="https://api.stripe.com", examples=["https://api.stripe.com"])
