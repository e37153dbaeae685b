"""`./enlarger pause`, `resume`, `drain`: what runs, and what does not until somebody says so."""

import time
from typing import Annotated, Any

import typer
from rich.markup import escape

from cli.office import As, Json, Office, Sure, Why, decision, office
from common import switches
from common.admin import RefusedError, pausing, reading
from common.database import Transaction

What = Annotated[str, typer.Argument(help="all, clock, a service (submitter, …), or a lane (finisher.refund, …).")]
LOOK_S = 0.5


def pause(what: What = "all", *, why: Why = "", by: As = "", yes: Sure = False, json: Json = False) -> None:
    """Stop the clock and the lanes until they are resumed. Payments are still taken; promises still run."""
    with office(json=json) as at:
        at.sure(f"Pause {what}? Nothing of it happens until it is resumed.", yes=yes)
        with at.database.transaction() as tx:
            told = pausing.pause(tx, what, decision(by, why))
        at.tell({"success": True, "message": told}, lambda: at.console.print(f"[yellow]‖[/] {escape(told)}"))


def resume(what: What = "all", *, why: Why = "", by: As = "", json: Json = False) -> None:
    """End a pause; `all` ends every one."""
    with office(json=json) as at:
        with at.database.transaction() as tx:
            told = pausing.resume(tx, what, decision(by, why))
        at.tell({"success": True, "message": told}, lambda: at.console.print(f"[green]▶[/] {escape(told)}"))


def drain(  # noqa: PLR0913 - a command's options
    service: Annotated[str, typer.Argument(help="The service: submitter, poller, finisher, notifier, …")],
    *,
    timeout_s: Annotated[float, typer.Option(help="How long to wait for what it has begun.")] = 120,
    why: Why = "",
    by: As = "",
    yes: Sure = False,
    json: Json = False,
) -> None:
    """Let a service finish what it has begun and take nothing more, for example before its deployment."""
    with office(json=json) as at:
        at.sure(f"Drain {service}? It takes nothing until it is resumed.", yes=yes)
        with at.database.transaction() as tx:
            if service not in {pause.what for pause in switches.paused(tx)}:
                pausing.pause(tx, service, decision(by, why or "drained"))
        left = _wait(at, service, timeout_s)
        if left:
            raise RefusedError("still_busy", f"{service} is paused, but still at work on {left} after {timeout_s:g} s.")
        told = f"{service} has finished what it had, and takes nothing more: ./enlarger resume {service}"
        at.tell({"success": True, "message": told}, lambda: at.console.print(f"[green]✔[/] {told}"))


def _wait(at: Office, service: str, timeout_s: float) -> int:
    """Until every worker of the service says that it is paused and idle; returns what is left."""
    deadline = time.monotonic() + timeout_s
    with at.console.status(f"Draining {service}") as status:
        while True:
            with at.database.transaction() as tx:
                left = _left(tx, service)
            if not left or time.monotonic() > deadline:
                return left
            status.update(f"Draining {service}: {left} left")
            time.sleep(LOOK_S)


def _left(tx: Transaction, service: str) -> int:
    """Deliveries under way; a worker that has not heard of the pause yet counts as one."""
    workers = [worker for worker in reading.workers(tx) if worker["service"] == service]
    return sum(worker["busy"] or _deaf(worker) for worker in workers)


def _deaf(worker: dict[str, Any]) -> int:
    return int(set(worker["lanes"]) - set(worker["paused"]) != set())
