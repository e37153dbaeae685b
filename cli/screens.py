"""`./enlarger screens`: pictures of every page, as customers see them, for docs/screens."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cli.failure import ends_plainly
from local.bootstrap import ROOT

_FOLDER = ROOT / ".enlarger" / "screens"


def screens(
    to: Annotated[Path, typer.Option(help="The folder that they are written to.")] = ROOT / "docs" / "screens",
    folder: Annotated[Path, typer.Option(help="Made anew; the system runs in it.")] = _FOLDER,
) -> None:
    """Buy, watch and be refunded in Chromium, and keep pictures of it: desktop, phone, dark, German."""
    from tests.acceptance.browser.screens import main  # noqa: PLC0415 - it needs the development environment

    console = Console(highlight=False)
    with ends_plainly(console):
        main(folder, to, console.print)
