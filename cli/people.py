"""`./enlarger export EMAIL`, `./enlarger forget EMAIL`: what a person may ask of those who keep data about them."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic_core import to_json

from cli.office import As, Json, Office, Sure, Why, decision, office
from cli.rows import fail
from common.admin import typed
from common.people.exporting import export_person
from common.people.forgetting import Forgotten, forget_person

Email = Annotated[str, typer.Argument(help="The person's e-mail address.", show_default=False)]


def export(
    email: Email,
    *,
    to: Annotated[
        Path | None,
        typer.Option(help="The file that it is written to.", dir_okay=False, show_default="standard output"),
    ] = None,
) -> None:
    """Write everything that is kept about a person, as JSON."""
    with office() as at:
        with at.database.transaction() as tx:
            document = export_person(tx, typed.address(email))
        text = to_json(document, indent=2).decode() + "\n"
        if to is None:
            sys.stdout.write(text)
            return
        try:
            to.touch(mode=0o600)
            to.write_text(text, "utf-8")
        except OSError as error:
            raise fail(f"{to} cannot be written ({error.strerror}): without --to it is printed.") from error
        count = len(document["orders"])
        at.console.print(f"[green]✔[/] {to}: {count} {'order' if count == 1 else 'orders'}.")


def forget(email: Email, *, why: Why = "", by: As = "", yes: Sure = False, json: Json = False) -> None:
    """Erase what is kept about a person. Amounts, dates and Stripe's ids stay in the books; Stripe keeps its own."""
    with office(json=json) as at:
        at.sure("Erase what is kept about this person? It cannot be undone.", yes=yes)
        with at.database.transaction() as tx:
            done = forget_person(tx, typed.address(email), decision(by, why))
        document = {"success": True, "erased": list(done.erased), "open": list(done.open)}
        at.tell(document, lambda: _show(at, done))


def _show(at: Office, done: Forgotten) -> None:
    at.console.print(f"[green]✔[/] Erased from {len(done.erased)} settled {_orders(done.erased)}.")
    if done.open:
        at.console.print(
            f"[yellow]![/] {len(done.open)} {_orders(done.open)} not settled yet: erased by itself once that is so. "
            "Until then the customer must be written to, and may be refunded."
        )
        for job_id in done.open:
            at.console.print(f"  {job_id}")


def _orders(ids: object) -> str:
    return "order" if isinstance(ids, list) and len(ids) == 1 else "orders"
