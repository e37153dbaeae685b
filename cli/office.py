"""What the operators' commands share: the connections, the options that all of them take, and how they end."""

import getpass
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, NoReturn

import click
import typer
from pydantic import Field, SecretStr
from pydantic_core import to_json
from rich.console import Console
from rich.markup import escape

from common.admin import Decision, Desk, RefusedError
from common.admin.desk import Tools
from common.admin.verbs import masked
from common.confirms import Message
from common.database import Database, DatabaseAwayError
from common.events import Event, encode
from common.inspection import BrokerAwayError, look
from common.settings import CommonSettings, load
from common.signing import Signer
from common.stages import HOUR_S, plans
from common.storage import Storage, StorageError

REFUSED, AWAY = 1, 3
SOURCE = "cli"

Order = Annotated[str, typer.Argument(help="The order's id, or the customer's ticket (tk_…).", show_default=False)]
Why = Annotated[str, typer.Option("--why", "-m", help="The reason, for the record.", show_default=False)]
As = Annotated[str, typer.Option("--as", help="Who decides.", show_default="you, as the system knows you")]
Sure = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Personal = Annotated[bool, typer.Option("--show-personal", help="Show whole e-mail addresses.")]


class CliSettings(CommonSettings):
    """The command line's own: it needs the two servers, and for some verbs what the workers have."""

    amqp_url: str = Field(default="", examples=["amqp://enlarger:secret@localhost:5672/%2F"])
    database_connections: int = Field(default=2, ge=2, le=200)
    secret_key: SecretStr | None = None
    storage_url: str | None = None
    outbound_allow: str = ""
    rabbitmq_management_url: str | None = Field(
        default=None,
        description="RabbitMQ's management API, for rates and unacknowledged messages",
        examples=["http://enlarger:secret@localhost:15672"],
    )


@dataclass
class Office:
    """One command's connections. Everything for people goes to `console`; `json` prints one document instead."""

    settings: CliSettings
    database: Database
    console: Console
    json: bool = False
    personal: bool = False
    asked: bool = field(default=False, init=False)

    @property
    def desk(self) -> Desk:
        """Where decisions are carried out, with as much as the settings give."""
        s = self.settings
        tools = Tools(
            plans(s),
            s.delivery_promise_hours * HOUR_S,
            s.download_ttl_hours * HOUR_S,
            Signer(s.secret_key) if s.secret_key else None,
            Storage(s.storage_url) if s.storage_url else None,
            self.say,
        )
        return Desk(self.database, tools)

    def say(self, event: Event) -> bool:
        """Publish one event and wait for its confirm. Raises BrokerAwayError."""
        with look(self.amqp_url) as broker:
            return broker.say(Message(event.name, encode(event, SOURCE)))

    @property
    def amqp_url(self) -> str:
        if not self.settings.amqp_url:
            raise BrokerAwayError("address", "AMQP_URL is not set")
        return self.settings.amqp_url

    def address(self, email: str | None) -> str:
        """An e-mail address as this command may show it."""
        return (email or "-") if self.personal or not email else masked(email)

    def tell(self, document: Any, show: Callable[[], None]) -> None:
        """The document with --json, else what `show` prints."""
        if self.json:
            sys.stdout.write(to_json(self._masked(document), indent=2).decode() + "\n")
        else:
            show()

    def sure(self, question: str, *, yes: bool) -> None:
        """Ask before what cannot be undone. Raises typer.Exit when the answer is no."""
        if yes:
            return
        if not sys.stdin.isatty() or self.json:
            raise RefusedError("not_asked", f"{question} Nobody is here to answer: add --yes if you mean it.")
        if not click.confirm(question, default=False):
            self.console.print("Nothing was done.")
            raise typer.Exit(REFUSED)

    def _masked(self, value: Any) -> Any:
        """The same document, with addresses as this command may show them."""
        if isinstance(value, Mapping):
            return {k: self.address(v) if k == "email" and v else self._masked(v) for k, v in value.items()}
        return [self._masked(item) for item in value] if isinstance(value, list | tuple) else value


@contextmanager
def office(*, json: bool = False, personal: bool = False) -> Iterator[Office]:
    """Connect, and end plainly: what is refused exits with 1, a server that is away with 3; no traceback for either."""
    settings = load(CliSettings)
    database = Database(settings.database_url, settings.database_connections, 5)
    console = Console(highlight=False)
    try:
        database.open()
        yield Office(settings, database, console, json, personal)
    except RefusedError as error:
        end(json, error.code, str(error), "It was refused.", REFUSED)
    except DatabaseAwayError as error:
        end(json, "database_away", f"{error} (DATABASE_URL)", "PostgreSQL cannot be reached.", AWAY)
    except BrokerAwayError as error:
        end(json, "broker_away", f"{error} (AMQP_URL)", "RabbitMQ cannot be reached.", AWAY)
    except StorageError as error:
        end(json, "storage_failed", f"{error} (STORAGE_URL)", "The storage did not work.", AWAY)
    finally:
        database.close()


def decision(actor: str, why: str) -> Decision:
    """Who decides and why."""
    return Decision(actor or getpass.getuser(), why)


def end(json: bool, code: str, message: str, headline: str, exit_code: int) -> NoReturn:  # noqa: FBT001 - as it came
    """End a command that failed: one document with --json, else a headline and why on standard error."""
    if json:
        sys.stdout.write(to_json({"success": False, "code": code, "message": message}).decode() + "\n")
    else:
        Console(stderr=True, highlight=False).print(f"[bold red]{headline}[/] {escape(message)}", soft_wrap=True)
    raise typer.Exit(exit_code) from None
