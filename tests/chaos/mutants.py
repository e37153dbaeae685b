"""Safety controls broken one at a time."""

from pathlib import Path

from local.servers import Servers
from tests.chaos.run import Say


def hunt(servers: Servers, folder: Path, say: Say) -> dict[str, str]:
    raise NotImplementedError
