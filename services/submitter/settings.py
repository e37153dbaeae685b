"""The submitter's settings."""

from urllib.parse import urlsplit

from pydantic import Field

from common.budget import BudgetSettings
from common.limits import LimitSettings
from common.pictures.settings import PictureSettings
from common.provider import NULL_URL
from common.settings import SecretKeySettings
from common.upsampler_settings import UpsamplerSettings


class SubmitterSettings(PictureSettings, UpsamplerSettings, LimitSettings, BudgetSettings, SecretKeySettings):
    """The provider's client and limits, where sources may come from, and where customers, and it, reach us."""

    public_url: str = Field(examples=["https://pictures.example.com"])
    capacity_wait_s: float = Field(
        default=60, gt=0, description="an order that waits for capacity looks by itself after this, if nobody wakes it"
    )
    source_link_hours: float = Field(default=6, gt=0, description="how long the provider may fetch a private source")
    storage_url: str = Field(examples=["file:///var/lib/enlarger/files"])
    source_hosts: str = Field(default="", description="host[:port] list that source pictures may come from")
    wordpress_url: str | None = Field(default=None, examples=["https://shop.example.com"], pattern=r"^https?://\S+$")
    outbound_allow: str = Field(default="", description="host[:port] list that may have addresses that are not public")
    max_source_megapixels: float = Field(default=75, gt=0)
    max_source_bytes: int = Field(default=100_000_000, gt=0)
    source_deadline_s: float = Field(default=60, gt=0, description="seconds to fetch one source")

    @property
    def source_host_list(self) -> list[str]:
        """`SOURCE_HOSTS`; the host of `WORDPRESS_URL` is always one of them."""
        return [*self.source_hosts.split(","), *([urlsplit(self.wordpress_url).netloc] if self.wordpress_url else [])]

    @property
    def provider_is_null(self) -> bool:
        """Nothing is submitted in earnest, so nothing is looked at either."""
        return self.upsampler_url == NULL_URL
