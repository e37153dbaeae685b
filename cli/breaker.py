"""`./enlarger breaker`: whether orders go to the provider, why not, and going on once that is mended."""

from dataclasses import asdict

import typer
from rich.markup import escape

from cli.office import As, Json, Why, decision, office
from common import breaker, capacity
from common.admin import breaking
from common.breaker import Breaker

app = typer.Typer(help="The provider's circuit breaker: look at it, and close it.", no_args_is_help=True)
COLOURS = {"closed": "green", "half_open": "yellow", "open": "red"}
WORDS = {
    "closed": "Orders go to the provider.",
    "half_open": "One order tries; the others wait.",
    "open": "All orders wait. One tries again when the pause is over.",
}


@app.command()
def show(*, json: Json = False) -> None:
    """Say whether orders go to the provider, and why not."""
    with office(json=json) as at:
        with at.database.transaction() as tx:
            state, load = breaker.read(tx), capacity.load(tx)
        document = {**asdict(state), **asdict(load)}

        def page() -> None:
            name = state.state.value
            at.console.print(f"[{COLOURS[name]}]●[/] [bold]{name.replace('_', '-')}[/]  {WORDS[name]}")
            at.console.print(f"  {load.in_flight} at the provider, {load.waiting} wait for a place")
            for line in _reasons(state):
                at.console.print(f"  {line}")

        at.tell(document, page)


@app.command()
def close(*, why: Why = "", by: As = "", json: Json = False) -> None:
    """Go on at once: what the provider refused is mended."""
    with office(json=json) as at:
        with at.database.transaction() as tx:
            told = breaking.close(tx, decision(by, why))
        at.tell({"success": True, "message": told}, lambda: at.console.print(f"[green]▶[/] {told}"))


def _reasons(state: Breaker) -> list[str]:
    if state.closed:
        return [f"{state.failures} in a row without an acceptance"] if state.failures else []
    since = f"{state.opened_at:%Y-%m-%d %H:%M} UTC" if state.opened_at else "a moment"
    return [
        f"since {since}: {escape(state.why)}",
        "go on at once, when it is mended: ./enlarger breaker close --why …",
    ]
