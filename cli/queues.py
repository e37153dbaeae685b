"""`./enlarger queues`: what waits where, and who takes it."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote, unquote, urlsplit

import requests
import typer
from rich.table import Table
from rich.text import Text

from cli.office import Json, Office, office
from common.addresses import listed
from common.inspection import BrokerAwayError, Depth, look

TIMEOUT_S = 5.0


def queues(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Empty queues of dead letters too.")] = False,
    json: Json = False,
) -> None:
    """Show every queue: messages that wait, consumers, and rates where RabbitMQ's management API is given."""
    with office(json=json) as at:
        with look(at.amqp_url) as broker:
            depths = broker.depths()
        rates = _rates(at)
        rows = [_row(depth, rates.get(depth.queue)) for depth in depths]
        shown = [row for row in rows if everything or not row["queue"].endswith(".dead") or row["messages"]]
        at.tell(rows, lambda: at.console.print(_table(shown, with_rates=bool(rates))))


def _row(depth: Depth, known: Mapping[str, Any] | None) -> dict[str, Any]:
    stats = (known or {}).get("message_stats", {})
    return {
        "queue": depth.queue,
        "missing": depth.missing,
        "messages": depth.messages,
        "consumers": depth.consumers,
        "unacknowledged": (known or {}).get("messages_unacknowledged"),
        "in_per_s": stats.get("publish_details", {}).get("rate"),
        "out_per_s": stats.get("ack_details", {}).get("rate"),
    }


def _rates(at: Office) -> dict[str, Any]:
    """What the management API says, by queue; nothing when it is not given. Raises BrokerAwayError."""
    base = at.settings.rabbitmq_management_url
    if not base:
        return {}
    parts = urlsplit(base)
    vhost = unquote(urlsplit(listed(at.amqp_url)[0]).path[1:]) or "/"
    address = f"{parts.scheme}://{parts.hostname}:{parts.port or 15672}/api/queues/{quote(vhost, safe='')}"
    login = (unquote(parts.username or ""), unquote(parts.password or ""))
    try:
        answer = requests.get(address, auth=login, timeout=TIMEOUT_S)
        answer.raise_for_status()
    except requests.RequestException as error:
        why = f"RABBITMQ_MANAGEMENT_URL: {type(error).__name__} at {parts.hostname}:{parts.port or 15672}"
        raise BrokerAwayError("other", why) from error
    return {queue["name"]: queue for queue in answer.json()}


def _table(rows: list[dict[str, Any]], *, with_rates: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold dim")
    table.add_column("queue", no_wrap=True)
    for name in ("waiting", "consumers", *(("unacked", "in/s", "out/s") if with_rates else ())):
        table.add_column(name, justify="right")
    for row in rows:
        dead = row["queue"].endswith(".dead")
        if row["missing"]:
            table.add_row(row["queue"], Text("missing", style="bold red"))
            continue
        waiting = Text(f"{row['messages']:,}", style="bold red" if dead else "bold" if row["messages"] else "dim")
        idle = not row["consumers"] and not dead
        consumers = Text("" if dead else str(row["consumers"]), style="red" if idle else "green")
        more = [_number(row[name]) for name in ("unacknowledged", "in_per_s", "out_per_s")] if with_rates else []
        table.add_row(Text(row["queue"], style="dim" if dead else ""), waiting, consumers, *more)
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
