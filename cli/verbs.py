"""The verbs on the command line: each is one decision of common/admin, with who and why."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import Progress

from cli.office import As, Json, Office, Order, Sure, Why, decision, office
from common.admin import (
    Complete,
    Decision,
    Email,
    Extend,
    Fail,
    Hold,
    Refund,
    RefusedError,
    Release,
    Resend,
    Retry,
    Wake,
    crowds,
    handing,
    typed,
)
from common.admin.desk import Verb, locate


def retry(  # noqa: PLR0913 - a command's options
    order: Order,
    *,
    why: Why = "",
    by: As = "",
    force: Annotated[bool, typer.Option(help="Although an attempt is under way, which then costs twice.")] = False,
    yes: Sure = False,
    json: Json = False,
) -> None:
    """Have a paid order done again, whatever became of it: publishes the override."""
    with office(json=json) as at:
        at.sure(f"Have {_named(at, order)} done again? The provider charges for it.", yes=yes)
        _act(at, Retry(force), order, by, why)


def extend(order: Order, *, why: Why = "", by: As = "", json: Json = False) -> None:
    """Give the customer a new download link, by mail; the older ones end."""
    with office(json=json) as at:
        _act(at, Extend(), order, by, why)


def resend(order: Order, *, why: Why = "", by: As = "", json: Json = False) -> None:
    """Send the last mail about the order once more."""
    with office(json=json) as at:
        _act(at, Resend(), order, by, why)


def email(
    order: Order,
    address: Annotated[str, typer.Argument(help="The right address.", show_default=False)],
    *,
    why: Why = "",
    by: As = "",
    json: Json = False,
) -> None:
    """Correct the customer's address, and send what went to the old one."""
    with office(json=json) as at:
        _act(at, Email(typed.address(address)), order, by, why)


def fail(order: Order, *, why: Why = "", by: As = "", yes: Sure = False, json: Json = False) -> None:
    """Give up an order that is not delivered: its charge is refunded."""
    with office(json=json) as at:
        at.sure(f"Give up {_named(at, order)} and refund its charge?", yes=yes)
        _act(at, Fail(), order, by, why)


def refund(  # noqa: PLR0913 - a command's options
    order: Order,
    *,
    amount: Annotated[
        str | None, typer.Option(help="How much, like 1.50; all that is left by default.", show_default=False)
    ] = None,
    why: Why = "",
    by: As = "",
    yes: Sure = False,
    json: Json = False,
) -> None:
    """Give the charge back to the customer, all of it or a part."""
    with office(json=json) as at:
        cents = typed.cents(amount) if amount else None
        at.sure(f"Refund {amount or 'all that is left'} of {_named(at, order)}?", yes=yes)
        _act(at, Refund(cents), order, by, why)


def complete(  # noqa: PLR0913 - a command's options
    order: Order,
    picture: Annotated[str, typer.Argument(help="The finished picture: a file, or an https address.")],
    *,
    why: Why = "",
    by: As = "",
    yes: Sure = False,
    json: Json = False,
) -> None:
    """Deliver a picture that you hand in; it is checked and stored like any other."""
    with office(json=json) as at:
        at.sure(f"Deliver {picture} for {_named(at, order)}?", yes=yes)
        if not picture.startswith(("http://", "https://")):
            if not Path(picture).is_file():
                raise RefusedError("no_file", f"There is no file {picture}.")
            _act(at, Complete(Path(picture)), order, by, why)
            return
        with tempfile.TemporaryFile() as target, at.console.status("Fetching the picture"):
            try:
                handing.fetch(picture, at.settings.outbound_allow.split(","), target)
            except handing.UnfetchableError as error:
                raise RefusedError("picture_refused", f"The picture cannot be had: {error}.") from error
            target.seek(0)
            _act(at, Complete(target), order, by, why)


def hold(
    order: Order,
    why: Annotated[str, typer.Option("--why", "-m", help="The reason; whoever finds it must understand it.")],
    *,
    review: Annotated[
        str, typer.Option(help="When to ask again: 90m, 8h, 3d, or a date (2026-12-24T09:00+01:00).")
    ] = "1d",
    by: As = "",
    json: Json = False,
) -> None:
    """Let nothing act on the order until it is released."""
    with office(json=json) as at:
        _act(at, Hold(typed.instant(review)), order, by, why)


def release(  # noqa: PLR0913 - a command's options
    order: Annotated[str | None, typer.Argument(help="The order's id or ticket.", show_default=False)] = None,
    *,
    held_for: Annotated[
        str | None,
        typer.Option(help="All that is held for this reason: refund_brake, budget, …", show_default=False),
    ] = None,
    promise_hours: Annotated[
        float | None, typer.Option(min=0.01, max=2160, help="The promise's new date, from now.", show_default="usual")
    ] = None,
    why: Why = "",
    by: As = "",
    yes: Sure = False,
    json: Json = False,
) -> None:
    """End a hold: the order goes on, with a new date for its promise. Or end all holds of one reason."""
    with office(json=json) as at:
        if order and not held_for:
            _act(at, Release(promise_hours), order, by, why)
        elif held_for and not order:
            count = crowds.held_for(at.desk, held_for)
            at.sure(f"Release all {count} orders that are held for {held_for}?", yes=yes)
            _release_all(at, held_for, count, decision(by, why))
        else:
            raise RefusedError("none_named", "Name one order, or --held-for a reason.")


def _release_all(at: Office, reason: str, count: int, made: Decision) -> None:
    released = 0
    with Progress(console=at.console, transient=True, disable=at.json) as bar:
        task = bar.add_task(f"Releasing {reason}", total=count)
        for batch in crowds.release_all(at.desk, reason, made):
            released += batch
            bar.update(task, completed=released)
    document = {"success": True, "released": released}
    at.tell(document, lambda: at.console.print(f"[green]✔[/] {released} orders go on."))


def wake(order: Order, *, why: Why = "", by: As = "", json: Json = False) -> None:
    """Look now at whatever the order waits for."""
    with office(json=json) as at:
        _act(at, Wake(), order, by, why)


def _act(at: Office, verb: Verb, order: str, by: str, why: str) -> None:
    done = at.desk.act(verb, order, decision(by, why))
    document = {"success": True, "job_id": done.job_id, "ticket": done.ticket, "verb": done.verb, "message": done.told}
    at.tell(document, lambda: at.console.print(f"[green]✔[/] {escape(done.told)}  [dim]{done.ticket}[/]"))


def _named(at: Office, order: str) -> str:
    """The order as a question names it, so that a wrong id is seen before anything is done."""
    with at.database.transaction() as tx:
        job = locate(tx, order)
    paid = f"{job.charged_cents / 100:.2f} {job.currency.upper()}" if job.charged_cents else "unpaid"
    return f"the {job.status} order {job.ticket[:11]}… ({job.factor}x, {paid})"
