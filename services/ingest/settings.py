"""The HTTP edge's settings."""

from decimal import Decimal
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import NoDecode

from common.budget import BudgetSettings
from common.ledger import Fee
from common.limits import LimitSettings
from common.pictures.settings import PictureSettings
from common.settings import CommonSettings, DatabaseSettings, RevokeSettings, SecretKeySettings
from common.stages import HOUR_S
from services.ingest.money.currencies import MINIMUM_CENTS
from services.ingest.sweeping import Keep

KNOWN_SECRET = "sandbox-only"  # noqa: S105 - what .env.example is published with
SPARE_CONNECTIONS = 4  # for the lane's thread, the clockwork and the health port, and one to spare


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _moves_money(stripe_api_key: SecretStr) -> bool:
    return stripe_api_key.get_secret_value().startswith(("sk_live", "rk_live"))


Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_split)]
CommaList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


def origin_of(url: str) -> str:
    """`https://host[:port]`, as browsers write it in `Origin`; empty when the URL has none.

    Empty too where browsers and `urlsplit` could read different hosts: with a backslash, with a user.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not parts.hostname or "\\" in url or "@" in parts.netloc:
        return ""
    default = {"http": 80, "https": 443}[parts.scheme]
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in {None, default} else "")


class AccountSettings(DatabaseSettings):
    """The account at Stripe, for commands that only read it."""

    stripe_api_key: SecretStr = Field(examples=["sk_test_…, or a restricted key that may read charges and refunds"])
    stripe_api_base: str = "https://api.stripe.com"


class IngestSettings(PictureSettings, CommonSettings, SecretKeySettings, RevokeSettings, LimitSettings, BudgetSettings):
    """`HOST`, `PORT`: where it listens; `PUBLIC_URL`: where customers, Stripe and the provider reach it."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535, description="0 picks a free one")
    public_url: str = Field(examples=["https://pictures.example.com"], pattern=r"^https?://[^\s?#]+$")
    cors_origins: CommaList = Field(default=(), examples=["https://shop.example.com"])
    wordpress_url: str | None = Field(default=None, examples=["https://shop.example.com"], pattern=r"^https?://\S+$")
    storage_url: str = Field(examples=["file:///var/lib/enlarger"])
    source_hosts: CommaList = Field(default=(), examples=["images.example.com"])
    outbound_allow: CommaList = Field(default=(), examples=["127.0.0.1:8090"])

    stripe_api_key: SecretStr = Field(examples=["sk_test_…"])
    stripe_webhook_secret: SecretStr = Field(examples=["whsec_…"])
    stripe_api_base: str = "https://api.stripe.com"
    admin_token: SecretStr | None = Field(default=None, description="bearer token of the merchant API; without: closed")
    admin_session_hours: float = Field(default=12, gt=0, description="then the admin's pages ask for the token again")
    admin_idle_minutes: float = Field(default=60, gt=0, description="a session that is not used for so long is over")

    shop_page: bool = Field(default=False, description="a shop of our own at /shop, for who has no site that sells")
    site_name: str = "Enlarger"
    support_email: str | None = None
    terms_url: str | None = None

    markup_percent: Decimal = Field(default=Decimal(200), ge=0)
    credits_per_megapixel: Decimal = Field(default=Decimal("0.25"), gt=0)
    currency: str = Field(default="usd", pattern="^[a-z]{3}$")
    stripe_fee_percent: Decimal = Field(default=Decimal("2.9"), ge=0, description="of a charge, for the books")
    stripe_fee_fixed_cents: int = Field(default=30, ge=0, description="of every charge, for the books")
    revoke_on_dispute: bool = Field(default=True, description="a disputed order's download link ends")
    upsampler_url: str = Field(default="https://upsampler.com/api/v1", description="null: knows no limits")
    upsampler_max_output_megapixels: int = Field(default=300, gt=0)
    max_source_megapixels: int = Field(default=75, gt=0)
    s3_delivery: Literal["proxy", "redirect"] = Field(
        default="proxy",
        description="files of an object store are passed on, or fetched there by a short signed address",
    )
    upload_keep_hours: float = Field(default=24, gt=0, description="life of an upload that nobody orders")
    uploads_max_mb: int = Field(default=100_000, ge=10, description="taken in UPLOAD_KEEP_HOURS, from all customers")
    failed_keep_days: float = Field(default=7, gt=0, description="life of the upload of an order that failed")
    personal_data_keep_days: float = Field(
        default=365, gt=0, description="after an order is settled; then only what the books need is left of it"
    )
    canary_email: str = Field(default="", description="who gets the mails of canaries; empty: nobody")

    rate_limit_per_min: int = Field(
        default=300, ge=0, description="requests a minute from one client on the public routes, per process; 0: any"
    )
    trusted_proxies: Networks = Field(
        default=(), examples=["10.0.0.0/8"], description="whose X-Forwarded-For is believed"
    )

    client_patience_s: float = Field(
        default=15, gt=0, description="seconds for a request's headers, and for its body to go on coming"
    )

    database_connections: int = Field(default=24, ge=SPARE_CONNECTIONS + 1, le=200)
    database_wait_s: float = Field(default=3, gt=0)

    @field_validator("public_url", "wordpress_url", "stripe_api_base")
    @classmethod
    def _no_slash(cls, value: str | None) -> str | None:
        return value.rstrip("/") if value else None

    @field_validator("currency")
    @classmethod
    def _a_currency_with_cents(cls, value: str) -> str:
        if value not in MINIMUM_CENTS:
            raise ValueError(f"it must be one of {', '.join(MINIMUM_CENTS)}")
        return value

    @field_validator("stripe_webhook_secret")
    @classmethod
    def _some_secret(cls, value: SecretStr) -> SecretStr:
        if not any(part.strip() for part in value.get_secret_value().split(",")):
            raise ValueError("at least one webhook secret is needed")
        return value

    @field_validator("stripe_api_key")
    @classmethod
    def _no_known_secret(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        secret_key = info.data.get("secret_key")
        if _moves_money(value) and secret_key and KNOWN_SECRET in secret_key.get_secret_value():
            raise ValueError("it moves real money while SECRET_KEY is that of .env.example: make one of your own")
        return value

    @property
    def http_threads(self) -> int:
        """Requests handled at once: every one of them finds a free connection."""
        return self.database_connections - SPARE_CONNECTIONS

    @property
    def keep(self) -> Keep:
        """How long what is swept is kept."""
        day_s = 24 * HOUR_S
        return Keep(
            self.upload_keep_hours * HOUR_S, self.failed_keep_days * day_s, self.personal_data_keep_days * day_s
        )

    @property
    def fee(self) -> Fee:
        """What Stripe keeps of a charge."""
        return Fee(self.stripe_fee_percent, self.stripe_fee_fixed_cents)

    @property
    def live(self) -> bool:
        """Whether the Stripe key moves real money."""
        return _moves_money(self.stripe_api_key)

    @cached_property
    def origins(self) -> frozenset[str]:
        """Sites whose pages may call us, and to which a customer may return after paying."""
        sites = [*self.cors_origins, *([self.wordpress_url] if self.wordpress_url else [])]
        return frozenset(origin for site in sites if (origin := origin_of(site)))

    @cached_property
    def picture_hosts(self) -> tuple[str, ...]:
        """`SOURCE_HOSTS`; the host of `WORDPRESS_URL` is always one of them."""
        return (*self.source_hosts, *([urlsplit(self.wordpress_url).netloc] if self.wordpress_url else []))
