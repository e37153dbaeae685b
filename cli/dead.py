"""`./enlarger dead`: messages that could not be used, why, and what to do with them."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from cli.office import As, Json, Office, Sure, Why, decision, office
from common.admin import RefusedError, letters
from common.admin.letters import document
from common.inspection import Inspection, Letter, look

app = typer.Typer(help="Dead letters: messages that could not be used.", no_args_is_help=True)
Ids = Annotated[list[str] | None, typer.Argument(help="Ids from `dead list`.", show_default=False)]
All = Annotated[bool, typer.Option("--all", help="Every dead letter.")]


@app.command("list")
def list_letters(*, json: Json = False) -> None:
    """List the dead letters and why each of them is one."""
    with office(json=json) as at, look(at.amqp_url) as broker:
        found = broker.letters()
        at.tell([document(letter) for letter in found], lambda: at.console.print(_table(found)))


@app.command("show")
def show_letter(letter_id: Annotated[str, typer.Argument(help="Its id.")], *, json: Json = False) -> None:
    """Show one dead letter whole."""
    with office(json=json) as at, look(at.amqp_url) as broker:
        [letter] = _chosen(broker, [letter_id], everything=False)
        at.tell(document(letter), lambda: _print(at, letter))


@app.command("replay")
def replay(  # noqa: PLR0913 - a command's options
    ids: Ids = None, *, everything: All = False, why: Why = "", by: As = "", yes: Sure = False, json: Json = False
) -> None:
    """Publish them again as they were; each is gone from here once the broker has confirmed it."""
    with office(json=json) as at, look(at.amqp_url) as broker:
        found = _chosen(broker, ids or [], everything=everything)
        at.sure(f"Publish {_count(found)} again?", yes=yes or not everything)
        letters.replay(at.database, broker, found, decision(by, why))
        _tell(at, found, "published again")


@app.command("drop")
def drop(  # noqa: PLR0913 - a command's options
    ids: Ids = None, *, everything: All = False, why: Why = "", by: As = "", yes: Sure = False, json: Json = False
) -> None:
    """Throw them away. No order needs them: its wake-up repeats what matters."""
    with office(json=json) as at, look(at.amqp_url) as broker:
        found = _chosen(broker, ids or [], everything=everything)
        at.sure(f"Throw away {_count(found)}?", yes=yes)
        letters.drop(at.database, broker, found, decision(by, why))
        _tell(at, found, "thrown away")


def _tell(at: Office, found: Sequence[Letter], done: str) -> None:
    ids = [letter.letter_id for letter in found]
    at.tell({"success": True, "letters": ids}, lambda: at.console.print(f"[green]✔[/] {_count(found)} {done}"))


def _chosen(broker: Inspection, ids: Sequence[str], *, everything: bool) -> list[Letter]:
    if everything:
        return broker.letters()
    if not ids:
        raise RefusedError("none_named", "Name them by their ids (see dead list), or say --all.")
    return letters.chosen(broker, ids)


def _count(found: Sequence[Letter]) -> str:
    return f"{len(found)} dead letter{'' if len(found) == 1 else 's'}"


def _table(found: Sequence[Letter]) -> Table | Text:
    if not found:
        return Text("No dead letters.", style="green")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold dim")
    table.add_column("id", style="bold", no_wrap=True)
    table.add_column("event", no_wrap=True)
    table.add_column("why", style="red", overflow="fold", ratio=2)
    table.add_column("body", style="dim", overflow="ellipsis", no_wrap=True, ratio=1)
    for letter in found:
        body = letter.body.decode("utf-8", "replace").replace("\n", " ")
        table.add_row(letter.letter_id, letter.routing_key, Text(letter.reason), Text(body))
    return table


def _print(at: Office, letter: Letter) -> None:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    for name, value in document(letter).items():
        grid.add_row(name, Text(value))
    at.console.print(grid)
