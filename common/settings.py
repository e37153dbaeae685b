"""Settings: environment variables (and a `.env` file), read once at start. The only place that reads them.

Every service's settings extend `CommonSettings`; a wrong value stops the start with name, reason and example.
"""

import sys
from typing import TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from common import tracing

SettingsT = TypeVar("SettingsT", bound=BaseSettings)


# Every class of settings names it: among several parents, the last one's rules are what counts.
RULES = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True)


class DatabaseSettings(BaseSettings):
    """Where the database is; all that a command needs which only reads or mends rows."""

    model_config = RULES

    database_url: str = Field(examples=["postgresql://enlarger:secret@localhost:5432/enlarger"])


class CommonSettings(DatabaseSettings):
    """What every worker needs: where the two servers are, and how long each stage waits (design section 4)."""

    amqp_url: str = Field(examples=["amqp://enlarger:secret@localhost:5672/%2F"])
    database_connections: int = Field(default=8, ge=2, le=200, description="connections of one process, at most")
    database_wait_s: float = Field(default=10, gt=0, description="how long to wait for one before the database is away")
    migrate: bool = Field(default=True, description="bring the schema up to date at start; off refuses an old one")
    metrics_port: int = Field(
        default=9100, ge=0, le=65535, description="where /metrics, /healthz, /readyz listen; 0 picks"
    )
    metrics_host: str = "127.0.0.1"
    log_format: str = Field(default="console", pattern="^(json|console)$", examples=["json"])
    log_level: str = Field(default="info", pattern="(?i)^(debug|info|warning|error)$", examples=["info"])

    wake_first_s: float = Field(default=60, gt=0, description="first wait of the stages whose waits grow")
    checkout_check_s: float = Field(
        default=3600, gt=0, description="how often Stripe is asked about an unpaid checkout"
    )
    wake_longest_s: float = Field(default=3600, gt=0, description="growing waits end here")
    poll_first_s: float = Field(default=30, gt=0, description="seconds from submission to the first status check")
    poll_interval_s: float = Field(default=30, gt=0, description="seconds between status checks")
    processing_timeout_s: float = Field(default=900, gt=0, description="seconds that the provider has for one picture")
    submit_unknown_wait_s: float = Field(
        default=900, gt=0, description="seconds to wait for news of a submission whose answer was lost"
    )
    max_attempts: int = Field(default=3, ge=1, description="submissions of one order between two decisions of people")
    delivery_promise_hours: float = Field(
        default=24, gt=0, description="after this an order that was not delivered is refunded"
    )
    download_ttl_hours: float = Field(default=24, gt=0, description="life of a download link")
    file_keep_days: float = Field(default=7, gt=0, description="life of a finished picture")
    canary_every_min: float = Field(
        default=0, ge=0, description="minutes between free orders of our own through every stage; 0 sends none"
    )
    pause_on_promotion: bool = Field(
        default=True,
        description="a new timeline (a promoted standby, a restore to a point in time) counts as a restored database; "
        "off where standbys are synchronous",
    )
    abandoned_after_hours: float = Field(default=24, gt=0, description="life of an unpaid checkout")

    claim_margin_s: float = Field(
        default=15, gt=0, description="a claimed call starts within this, or not at all; its lease ends this after it"
    )
    database_statement_s: float = Field(default=30, gt=0, description="seconds for one statement")
    database_lock_s: float = Field(default=20, gt=0, description="seconds that a statement waits for a lock")
    heartbeat_s: int = Field(default=20, ge=1, le=600, description="seconds between the broker's heartbeats")
    confirm_timeout_s: float = Field(default=15, gt=0, description="seconds that the broker has to confirm a message")
    threads: int = Field(default=16, ge=1, le=256, description="calls to the outside world at once, per lane")
    prefetch: int = Field(
        default=1536,
        ge=1,
        le=10_000,
        description="messages held unacknowledged, per queue; at most 16 a thread where each is a call to Stripe or to "
        "the mail server, and 4 of pictures to deliver",
    )

    otel_exporter_otlp_endpoint: str = Field(
        default="",
        pattern="^(https?://.+)?$",
        description="where OpenTelemetry spans go (OTLP over HTTP; needs the extra `tracing`); empty sends none",
        examples=["http://collector:4318"],
    )

    test_crash_points: str = Field(default="", description="for tests only: where the process kills itself")
    test_mutant: str = Field(default="", description="for tests only: the safety control that is broken")

    @field_validator("otel_exporter_otlp_endpoint")
    @classmethod
    def _can_be_sent(cls, value: str) -> str:
        if value and not tracing.available():
            raise ValueError(
                "the extra `tracing` is not installed here: install requirements.lock, or leave this empty"
            )
        return value


class SecretKeySettings(BaseSettings):
    """`SECRET_KEY`: at least 32 characters, comma-separated for rotation; the first signs, all verify."""

    model_config = RULES
    secret_key: SecretStr = Field(examples=["64 characters from: openssl rand -hex 32"])

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if any(len(key.strip()) < 32 for key in value.get_secret_value().split(",")):  # noqa: PLR2004 - contracts.md
            raise ValueError("each key needs at least 32 characters")
        return value


class RevokeSettings(BaseSettings):
    """`REVOKE_ON_REFUND`: for whoever learns that an order was refunded in full."""

    model_config = RULES
    revoke_on_refund: bool = Field(default=True, description="the download link of an order refunded in full ends")


def load(cls: type[SettingsT]) -> SettingsT:
    """Read the settings or end the process (exit 2) with one line per wrong value; values are never printed."""
    try:
        return cls()
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            name = str(problem["loc"][0])
            field = cls.model_fields.get(name)
            example = f" For example: {field.examples[0]}" if field and field.examples else ""
            sys.stderr.write(f"{name.upper()}: {problem['msg']}.{example}\n")
        sys.exit(2)
