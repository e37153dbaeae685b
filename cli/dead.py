"""`./enlarger dead`: messages that could not be used, why, and what to do with them."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from cli.office import As, Json, Office, Sure, Why, decision, office
from common.admin import Decision, RefusedError, audit
from common.inspection import Inspection, Letter, look

app = typer.Typer(help="Dead letters: messages that could not be used.", no_args_is_help=True)
Ids = Annotated[list[str] | None, typer.Argument(help="Ids from `dead list`.", show_default=False)]
All = Annotated[bool, typer.Option("--all", help="Every dead letter.")]


@app.command("list")
def list_letters(*, json: Json = False) -> None:
    """List the dead letters and why each of them is one."""
    with office(json=json) as at, look(at.amqp_url) as broker:
        letters = broker.letters()
        at.tell([_document(letter) for letter in letters], lambda: at.console.print(_table(letters)))


@app.command("show")
def show_letter(letter_id: Annotated[str, typer.Argument(help="Its id.")], *, json: Json = False) -> None:
    """Show one dead letter whole."""
    with office(json=json) as at, look(at.amqp_url) as broker:
        [letter] = _chosen(broker, [letter_id], everything=False)
        at.tell(_document(letter), lambda: _print(at, letter))


@app.command("replay")
def replay(  # noqa: PLR0913 - a command's options
    ids: Ids = None, *, everything: All = False, why: Why = "", by: As = "", yes: Sure = False, json: Json = False
) -> None:
    """Publish them again as they were; each is gone from here once the broker has confirmed it."""
    with office(json=json) as at, look(at.amqp_url) as broker:
        letters = _chosen(broker, ids or [], everything=everything)
        at.sure(f"Publish {_count(letters)} again?", yes=yes or not everything)
        _carry_out(at, broker, letters, "dead_replay", decision(by, why))


@app.command("drop")
def drop(  # noqa: PLR0913 - a command's options
    ids: Ids = None, *, everything: All = False, why: Why = "", by: As = "", yes: Sure = False, json: Json = False
) -> None:
    """Throw them away. No order needs them: its wake-up repeats what matters."""
    with office(json=json) as at, look(at.amqp_url) as broker:
        letters = _chosen(broker, ids or [], everything=everything)
        at.sure(f"Throw away {_count(letters)}?", yes=yes)
        _carry_out(at, broker, letters, "dead_drop", decision(by, why))


def _carry_out(at: Office, broker: Inspection, letters: Sequence[Letter], verb: str, made: Decision) -> None:
    """The decision is on record before anything is done to a letter."""
    with at.database.transaction() as tx:
        for letter in letters:
            audit.record(tx, made, verb, None, _document(letter))
    ids = [letter.letter_id for letter in letters]
    if verb == "dead_drop":
        broker.drop(letters)
    elif left := broker.replay(letters):
        names = ", ".join(letter.letter_id for letter in left)
        raise RefusedError("not_taken", f"The broker did not take {names} again; it is where it was.")
    word = "thrown away" if verb == "dead_drop" else "published again"
    at.tell({"success": True, "letters": ids}, lambda: at.console.print(f"[green]✔[/] {_count(letters)} {word}"))


def _chosen(broker: Inspection, ids: Sequence[str], *, everything: bool) -> list[Letter]:
    letters = broker.letters()
    if everything:
        return letters
    if not ids:
        raise RefusedError("none_named", "Name them by their ids (see dead list), or say --all.")
    unknown = set(ids) - {letter.letter_id for letter in letters}
    if unknown:
        raise RefusedError("unknown_letter", f"There is no dead letter {', '.join(sorted(unknown))}.")
    return [letter for letter in letters if letter.letter_id in ids]


def _count(letters: Sequence[Letter]) -> str:
    return f"{len(letters)} dead letter{'' if len(letters) == 1 else 's'}"


def _document(letter: Letter) -> dict[str, str]:
    return {
        "id": letter.letter_id,
        "queue": letter.queue,
        "routing_key": letter.routing_key,
        "reason": letter.reason,
        "body": letter.body.decode("utf-8", "replace"),
    }


def _table(letters: Sequence[Letter]) -> Table | Text:
    if not letters:
        return Text("No dead letters.", style="green")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold dim")
    table.add_column("id", style="bold", no_wrap=True)
    table.add_column("event", no_wrap=True)
    table.add_column("why", style="red", overflow="fold", ratio=2)
    table.add_column("body", style="dim", overflow="ellipsis", no_wrap=True, ratio=1)
    for letter in letters:
        body = letter.body.decode("utf-8", "replace").replace("\n", " ")
        table.add_row(letter.letter_id, letter.routing_key, Text(letter.reason), Text(body))
    return table


def _print(at: Office, letter: Letter) -> None:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    for name, value in _document(letter).items():
        grid.add_row(name, Text(value))
    at.console.print(grid)
