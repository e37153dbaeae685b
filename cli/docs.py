"""`./enlarger docs`: the documents that are made from the code, and a check that they are current."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from pydantic.fields import FieldInfo

from cli import catalogue, environments, quality
from cli.boards import BOARDS
from cli.boards.panel import Board
from cli.office import CliSettings
from common.events import CONTENT_TYPE, EVENTS, EXCHANGE, Event
from common.settings import CommonSettings
from common.topology import dead_queue
from services.finisher.settings import DeliverSettings, RefundSettings
from services.ingest.settings import IngestSettings
from services.notifier.settings import NotifierSettings
from services.poller.settings import PollerSettings
from services.submitter.settings import SubmitterSettings

ROOT = Path(__file__).resolve().parent.parent
WORKERS: dict[str, type[CommonSettings]] = {
    "ingest": IngestSettings,
    "submitter": SubmitterSettings,
    "poller": PollerSettings,
    "finisher, deliver": DeliverSettings,
    "finisher, refund": RefundSettings,
    "notifier": NotifierSettings,
}
READERS: dict[str, type[CommonSettings]] = {**WORKERS, "the command line": CliSettings}


def docs(*, check: Annotated[bool, typer.Option(help="Change nothing; fail when one is out of date.")] = False) -> None:
    """Write what is made from the code: documents, dashboards, and files of settings."""
    stale = [name for name, make in DOCUMENTS.items() if _text(ROOT / name) != make()] if check else []
    for name in stale:
        typer.echo(f"{name} is out of date: run ./enlarger docs")
    if not check:
        for name, make in DOCUMENTS.items():
            (ROOT / name).write_text(make(), "utf-8")
            typer.echo(f"wrote {name}")
    raise typer.Exit(1 if stale else 0)


def _text(file: Path) -> str:
    return file.read_text("utf-8") if file.exists() else ""


def asyncapi() -> str:
    """The events as AsyncAPI 3.0, from the pydantic models."""
    document = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Enlarger's events",
            "version": "1",
            "description": "Made from common/events.py by ./enlarger docs. Messages are hints: what may happen is "
            "decided from rows. A bare data object published by hand with the routing key is accepted too.",
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {name: _channel(cls) for name, cls in EVENTS.items()},
        "operations": {
            f"{cls.queue.split('.')[0]}.{name}": {
                "action": "receive",
                "summary": f"{cls.queue.split('.')[0]} consumes it",
                "channel": {"$ref": f"#/channels/{name}"},
            }
            for name, cls in EVENTS.items()
        },
        "components": {"messages": {name: _message(cls) for name, cls in EVENTS.items()}},
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def dashboard(board: Board) -> str:
    """A dashboard as Grafana provisions it."""
    from cli.boards.grafana import render  # noqa: PLC0415 - a development dependency: no other command may need it

    return render(board)


def settings() -> str:
    """Every setting of every worker, as one table."""
    lines = [_row(name, told) for name, told in sorted(environments.readers(READERS).items())]
    head = [
        "# Settings",
        "",
        "Environment variables, or lines of a `.env` file in the working directory.",
        "Made from the code by `./enlarger docs`.",
        "A wrong value stops the start with its name, the reason and an example.",
        "",
        "| setting | default | meaning, example | read by |",
        "| --- | --- | --- | --- |",
    ]
    return "\n".join([*head, *lines]) + "\n"


def _row(name: str, told: Mapping[str, FieldInfo]) -> str:
    meaning, example = environments.explained(told)
    said = "; ".join(part for part in (meaning, example and f"for example `{example}`") if part)
    return f"| `{name}` | {_default(told)} | {said} | {_workers(told)} |"


def _channel(cls: type[Event]) -> dict[str, Any]:
    return {
        "address": cls.name,
        "messages": {cls.name: {"$ref": f"#/components/messages/{cls.name}"}},
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {"name": EXCHANGE, "type": "topic", "durable": True},
                "queue": {"name": cls.queue, "durable": True},
            }
        },
        "description": f"Queue {cls.queue}; what cannot be read goes to {dead_queue(cls.queue)}.",
    }


def _message(cls: type[Event]) -> dict[str, Any]:
    data = cls.model_json_schema()
    data["properties"].pop("traceparent", None)
    text = {"type": "string"}
    return {
        "name": cls.name,
        "summary": " ".join((cls.__doc__ or "").split()),
        "contentType": CONTENT_TYPE,
        "payload": {
            "type": "object",
            "required": ["specversion", "id", "type", "source", "data"],
            "properties": {
                "specversion": {"const": "1.0"},
                "id": text,
                "type": {"const": cls.name},
                "source": text,
                "time": {"type": "string", "format": "date-time"},
                "datacontenttype": {"const": "application/json"},
                "traceparent": text,
                "data": data,
            },
        },
    }


def _default(told: Mapping[str, FieldInfo]) -> str:
    needing = [worker for worker, info in told.items() if info.is_required()]
    if needing:
        return "*required*" if len(needing) == len(told) else f"*required* by {', '.join(needing)}"
    usual, others = environments.defaults(told)
    shown = [f"`{usual}`" if usual else "", *(f"{worker} `{default}`" for worker, default in others.items())]
    return "; ".join(part for part in shown if part)


def _workers(used: Collection[str]) -> str:
    return "all" if len(used) == len(WORKERS) else ", ".join(used)


DOCUMENTS: dict[str, Callable[[], str]] = {
    "docs/asyncapi.yaml": asyncapi,
    "docs/metrics.md": catalogue.page,
    "docs/quality.md": quality.page,
    "docs/settings.md": settings,
    ".env.example": lambda: environments.example(READERS),
    **{
        f"deploy/compose/{worker.rpartition(' ')[2]}.env": environments.passed_on(worker, cls)
        for worker, cls in WORKERS.items()
    },
    **{f"deploy/grafana/dashboards/{board.uid}.json": partial(dashboard, board) for board in BOARDS},
}
