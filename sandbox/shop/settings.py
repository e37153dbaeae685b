"""What the shop must be told before it can open."""

from typing import Annotated

from pydantic import AfterValidator, AnyHttpUrl, Field
from pydantic_settings import BaseSettings


def _origin_only(url: AnyHttpUrl) -> AnyHttpUrl:
    """The address stands in a Content-Security-Policy, where a path would silently narrow it."""
    if url.path not in {None, "/"} or url.query or url.fragment:
        raise ValueError(f"{url} has more than scheme, host and port (for example http://127.0.0.1:8000)")
    return url


class Settings(BaseSettings):
    """Read from the environment; `PUBLIC_URL` is the address at which browsers reach ingest."""

    sandbox_shop_port: int = Field(ge=1, le=65535)
    sandbox_host: str = "127.0.0.1"
    public_url: Annotated[AnyHttpUrl, AfterValidator(_origin_only)]

    @property
    def api_origin(self) -> str:
        return str(self.public_url).rstrip("/")
