"""How a command of ours ends: with a message for people, and the exit code that says what happened."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.markup import escape

from local.processes import LocalError

INTERRUPTED = 130


@contextmanager
def ends_plainly(console: Console) -> Iterator[None]:
    """`LocalError` becomes its message and exit code 1, Ctrl-C exit code 130; no traceback for either."""
    try:
        yield
    except LocalError as error:
        console.print(f"\n[bold red]It did not work.[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        console.print("\nStopped.")
        raise typer.Exit(INTERRUPTED) from None
