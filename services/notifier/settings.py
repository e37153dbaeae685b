"""The notifier's settings: where mail goes out, and how the shop names itself."""

from typing import Annotated, Literal

from email_validator import EmailNotValidError, validate_email
from pydantic import BeforeValidator, Field, field_validator
from pydantic_settings import NoDecode

from common.settings import CommonSettings, SecretKeySettings

Copied = Literal["ready", "refunded", "expiring"]


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class NotifierSettings(CommonSettings, SecretKeySettings):
    """`SMTP_URL`: smtp://user:pass@host:port (STARTTLS when offered), smtps://…, or null: (accepts and forgets)."""

    smtp_url: str = Field(pattern="^(smtps?://.+|null:)$", examples=["smtp://user:password@mail.example.com:587"])
    smtp_timeout_s: float = Field(
        default=30, gt=0, description="seconds for one answer of the mail server; a whole mail may take twice that"
    )
    mail_from: str = Field(examples=["orders@example.com"])
    admin_email: str = Field(default="", description="gets what needs attention; empty sends none")
    admin_copies: Annotated[tuple[Copied, ...], NoDecode, BeforeValidator(_split)] = Field(
        default=(),
        examples=["ready,refunded,expiring"],
        description="mails to customers that ADMIN_EMAIL is told of, without their links",
    )
    support_email: str = Field(examples=["help@example.com"])
    site_name: str = Field(default="Enlarger", max_length=100)
    terms_url: str | None = None
    public_url: str = Field(examples=["https://pictures.example.com"])

    @field_validator("mail_from", "support_email", "admin_email")
    @classmethod
    def _an_address(cls, value: str) -> str:
        try:
            return (
                validate_email(value, check_deliverability=False, test_environment=True).normalized if value else value
            )
        except EmailNotValidError as error:
            raise ValueError(str(error)) from error
