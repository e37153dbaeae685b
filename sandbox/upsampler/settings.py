"""What the provider's stand-in is told by its environment."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Names are `SANDBOX_UPSAMPLER_...` but for the key, which is the worker's own setting, and the host."""

    model_config = SettingsConfigDict(env_prefix="SANDBOX_UPSAMPLER_")

    port: int = Field(ge=1, le=65535)
    host: str = Field(default="127.0.0.1", validation_alias="SANDBOX_HOST")
    api_key: SecretStr = Field(validation_alias="UPSAMPLER_API_KEY", min_length=1)
    seconds: float = Field(default=0.5, ge=0, description="processing time of a job")
    public_url: str = Field(default="", description="where results are reached; default: this port here")
    reaches: str = Field(
        default="",
        pattern="^(|https?://[^=]+=https?://[^=]+)$",
        description="PUBLIC=REAL: where an address really leads",
    )
    dir: Path | None = Field(default=None, description="where results lie; default: a temporary folder")
    result_ttl_s: float = Field(default=3 * 3600, gt=0, description="after this a result's link is dead")
    max_output_megapixels: float = Field(default=300, gt=0)

    @property
    def results_url(self) -> str:
        return (self.public_url or f"http://127.0.0.1:{self.port}").rstrip("/") + "/results"
