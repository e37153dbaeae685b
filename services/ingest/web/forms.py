"""What the plugin sends, form-encoded; unknown fields are ignored, as WordPress does."""

from typing import Annotated, Literal

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from common.language import mark

MAX_ID = 2**63 - 1
NO_ADDRESS = mark("this is no e-mail address")


def _an_address(value: str) -> str:
    try:
        return validate_email(value, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise ValueError(NO_ADDRESS) from error


def _none_if_empty(value: object) -> object:
    return (value.strip() or None) if isinstance(value, str) else value


Address = Annotated[str, AfterValidator(_an_address), Field(max_length=254)]
Email = Annotated[Address | None, BeforeValidator(_none_if_empty)]
Tag = Annotated[str, Field(max_length=35)]  # RFC 5646, section 4.4.1
Locale = Annotated[Tag | None, BeforeValidator(_none_if_empty)]
Resolution = Literal["4x", "8x"]
AttachmentId = Annotated[int, Field(gt=0, le=MAX_ID)]
PostId = Annotated[Annotated[int, Field(ge=0, le=MAX_ID)] | None, BeforeValidator(_none_if_empty)]


class PictureForm(BaseModel):
    """A picture of the shop, and the page that it stands on."""

    attachment_id: AttachmentId
    post_id: PostId = None


class CheckoutForm(PictureForm):
    resolution: Resolution
    email: Email = None
    locale: Locale = None


class UploadCheckoutForm(BaseModel):
    upload_id: Annotated[str, Field(pattern=r"^up_[A-Za-z0-9_-]{10,60}$")]
    resolution: Resolution
    email: Email = None
    locale: Locale = None
