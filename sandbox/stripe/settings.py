"""Where the stand-in listens, whom it tells, and which secrets it knows."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from the environment; each name is the upper-case alias."""

    model_config = SettingsConfigDict(extra="ignore")

    host: str = Field(default="127.0.0.1", alias="SANDBOX_HOST")
    port: int = Field(alias="SANDBOX_STRIPE_PORT")
    webhook_url: str = Field(default="", alias="SANDBOX_STRIPE_WEBHOOK_URL")
    webhook_secret: SecretStr = Field(alias="STRIPE_WEBHOOK_SECRET")
    api_key: SecretStr = Field(alias="STRIPE_API_KEY")
    public_url: str = Field(default="", alias="SANDBOX_STRIPE_PUBLIC_URL")

    @property
    def signing_secret(self) -> str:
        """The first of the comma-separated secrets signs; the others are for receivers that rotate."""
        return self.webhook_secret.get_secret_value().split(",")[0].strip()

    @property
    def checkout_base(self) -> str:
        return (self.public_url or f"http://127.0.0.1:{self.port}").rstrip("/")
