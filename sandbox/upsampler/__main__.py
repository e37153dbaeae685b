"""`python -m sandbox.upsampler`: the AI provider's stand-in, until SIGTERM."""

from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

from sandbox.serving import leave_on_signals, serve
from sandbox.upsampler import outbound
from sandbox.upsampler.app import build
from sandbox.upsampler.settings import Settings


def main() -> None:
    leave_on_signals()
    settings = Settings()
    if settings.reaches:
        outbound.reach(*settings.reaches.split("="))
    with nullcontext(settings.dir) if settings.dir else TemporaryDirectory(prefix="upsampler-") as folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        serve(build(settings, Path(folder)), settings.host, settings.port)


if __name__ == "__main__":
    main()
