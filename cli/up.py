"""`./enlarger up`: everything running, until Ctrl-C."""

import threading

from rich.console import Console
from rich.table import Table

from cli.failure import ends_plainly
from local.bootstrap import ROOT
from local.given import GivenBroker
from local.system import System, system

_FOLDER = ROOT / ".enlarger" / "up"
_CHECK_S = 0.5


def up() -> None:
    """Run the whole system with a small shop, until Ctrl-C."""
    console = Console(highlight=False)
    with ends_plainly(console), system(_FOLDER, say=console.print) as running:
        console.print(_addresses(running))
        console.print("\nCtrl-C stops everything.")
        never = threading.Event()
        while not never.wait(_CHECK_S):
            running.check()


def _addresses(running: System) -> Table:
    stack, broker = running.stack, running.broker
    table = Table.grid(padding=(0, 3))
    table.title, table.title_justify, table.title_style = "\nEnlarger is up\n", "left", "bold green"
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    table.add_row("the shop: buy something here", _link(stack.at.shop))
    table.add_row("the mails that customers get", _link(stack.at.inbox))
    table.add_row("the admin's pages: see and decide", _link(f"{stack.at.ingest}/admin"))
    table.add_row("  the token to sign in, and of the API", stack.known.admin_token)
    table.add_row("an order, with its history", f"{stack.at.ingest}/v1/orders/TICKET")
    table.add_row("the HTTP routes", _link(f"{stack.at.ingest}/openapi.json"))
    if not isinstance(broker, GivenBroker):
        table.add_row("RabbitMQ", _link(broker.management_url))
        table.add_row("  user and password", f"{broker.USER} {broker.password}")
    table.add_row("PostgreSQL", stack.database_url)
    table.add_row("pictures, logs", str(stack.folder))
    return table


def _link(url: str) -> str:
    return f"[link={url}]{url}[/link]"
