"""`./enlarger events`: what Stripe told, what became of it, and acting on it once more."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.rows import connected, fail
from common.database import Database, DatabaseAwayError
from common.events import Event
from common.settings import DatabaseSettings, load
from common.stages import Plan, Stage, plans
from services.ingest.money import recorded, stripe_events
from services.ingest.money.recorded import Recorded, Wanted
from services.ingest.money.stripe import Stripe, StripeAwayError, StripeRefusedError
from services.ingest.settings import IngestSettings

app = typer.Typer(help="Stripe's events, as they were recorded.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="for programs")]


class LeftToTheClock:
    """What follows from an event is published by the clock: the job's wake-up is in its row."""

    def publish(self, events: Sequence[Event]) -> None:
        del events


@dataclass(frozen=True, slots=True)
class Cashier:
    """What acting on an event needs, without a broker."""

    settings: IngestSettings
    plans: Mapping[Stage, Plan]
    database: Database
    stripe: Stripe
    publisher: LeftToTheClock


@app.command("list")
def list_events(
    kind: Annotated[str | None, typer.Option("--type", help="the beginning of a type, as charge.dispute")] = None,
    outcome: Annotated[str | None, typer.Option(help="what became of it, as applied or ignored")] = None,
    job: Annotated[str | None, typer.Option(help="an order's id or ticket")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    *,
    as_json: AsJson = False,
) -> None:
    """The newest events, newest first."""
    try:
        with connected(load(DatabaseSettings).database_url) as database, database.transaction() as tx:
            found = recorded.recorded(tx, Wanted(kind, outcome, job, limit))
    except DatabaseAwayError as error:
        raise fail(f"The database cannot be reached: {error}") from error
    if as_json:
        told = [{name: value for name, value in asdict(one).items() if name != "payload"} for one in found]
        print(json.dumps(told, indent=2, default=str))  # noqa: T201 - its output
        return
    _as_table(found)


@app.command("show")
def show(event_id: Annotated[str, typer.Argument(help="evt_…")], *, as_json: AsJson = False) -> None:
    """One event, whole: it holds the customer's address."""
    try:
        with connected(load(DatabaseSettings).database_url) as database:
            found = _found(database, event_id)
    except DatabaseAwayError as error:
        raise fail(f"The database cannot be reached: {error}") from error
    if as_json:
        print(json.dumps(asdict(found), indent=2, default=str))  # noqa: T201 - its output
        return
    _as_table([found])
    Console().print_json(data=found.payload)


@app.command("replay")
def replay(event_id: Annotated[str, typer.Argument(help="evt_…")], *, as_json: AsJson = False) -> None:
    """Act on a recorded event once more; what it says that is on the books already changes nothing.

    What follows is published by the clock, within a minute.
    """
    settings = load(IngestSettings)
    stripe = Stripe(settings.stripe_api_key.get_secret_value(), settings.stripe_api_base)
    try:
        with connected(settings.database_url) as database:
            found = _found(database, event_id)
            cashier = Cashier(settings, plans(settings), database, stripe, LeftToTheClock())
            outcome = stripe_events.replay(cashier, found.payload)
    except (StripeAwayError, StripeRefusedError) as error:
        raise fail(f"Stripe gave no answer: {error}. Nothing was changed.") from error
    except DatabaseAwayError as error:
        raise fail(f"The database cannot be reached: {error}. Nothing was changed.") from error
    told = {"event_id": event_id, "type": found.kind, "outcome": outcome}
    print(json.dumps(told) if as_json else f"{found.kind} {event_id}: {outcome}")  # noqa: T201 - its output


def _found(database: Database, event_id: str) -> Recorded:
    with database.transaction() as tx:
        found = recorded.find(tx, event_id)
    if found is None:
        raise fail(f"No event {event_id!r} was recorded: ./enlarger events list shows those that were.")
    return found


def _as_table(found: Sequence[Recorded]) -> None:
    if not found:
        Console().print("No such event was recorded.")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("received (UTC)", no_wrap=True)
    for name in ("type", "outcome", "event", "order"):
        table.add_column(name, overflow="fold")
    for one in found:
        style = "dim" if one.outcome == stripe_events.NOT_OURS else None
        job = str(one.job_id or "–")  # noqa: RUF001 - a dash
        table.add_row(f"{one.received_at:%Y-%m-%d %H:%M:%S}", one.kind, one.outcome, one.event_id, job, style=style)
    Console().print(table)
