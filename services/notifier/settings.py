"""The notifier's settings: where mail goes out, and how the shop names itself."""

from email_validator import EmailNotValidError, validate_email
from pydantic import Field, field_validator

from common.settings import CommonSettings, SecretKeySettings


class NotifierSettings(CommonSettings, SecretKeySettings):
    """`SMTP_URL`: smtp://user:pass@host:port (STARTTLS when offered), smtps://…, or null: (accepts and forgets)."""

    smtp_url: str = Field(pattern="^(smtps?://.+|null:)$", examples=["smtp://user:password@mail.example.com:587"])
    smtp_timeout_s: float = Field(default=30, gt=0)
    mail_from: str = Field(examples=["orders@example.com"])
    admin_email: str = Field(default="", description="gets what needs attention; empty sends none")
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
