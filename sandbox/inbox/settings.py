"""What the inbox is told by its environment."""

from pydantic import Field
from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    """Environment variables of these names, in capitals."""

    sandbox_smtp_port: int = Field(ge=1, le=65535)
    sandbox_inbox_port: int = Field(ge=1, le=65535, description="where the page is")
    sandbox_host: str = "127.0.0.1"
