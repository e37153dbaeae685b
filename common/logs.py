"""Logs: structlog, JSON in production and readable in a terminal; every line with its service. No personal data."""

import json
import logging
import sys
import threading
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from pydantic_core import to_json

from common import tracing
from common.events import Event

log = structlog.get_logger()
# What the work of this thread is about: looked at when a line is written, which is seldom.
telling_of: ContextVar[Event | None] = ContextVar("telling_of", default=None)


def configure(service: str, log_format: str, level: str) -> None:
    """Set up logging for this process. `log_format`: json or console."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(serializer=_json)
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stdout.isatty(),
            exception_formatter=structlog.dev.plain_traceback,  # the pretty one prints locals: secrets and tickets
        )
    )
    exceptions = [structlog.processors.format_exc_info] if log_format == "json" else []

    def name_service(_logger: object, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {"service": service, **line}

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _name_event,
            name_service,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *exceptions,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=lambda *_: _Lines(),
        cache_logger_on_first_use=True,
    )
    _json_of.clear()
    if log_format == "json" and level.upper() in {"DEBUG", "INFO"}:
        _json_of["service"] = service
    # The libraries' own lines: warnings only, and none of pika's (its errors are reported by common.broker).
    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(levelname)s %(name)s %(message)s")
    logging.getLogger("pika").setLevel(logging.CRITICAL)


def traceparent() -> str | None:
    """The trace of what this thread is at: an event, or an HTTP request."""
    event = telling_of.get()
    return event.traceparent if event else tracing.current.get()


def _name_event(_logger: object, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    event, trace = telling_of.get(), tracing.short(traceparent())
    about = {"event_name": event.name, "job_id": str(event.job_id)} if event else {}
    return {**about, **({"trace_id": trace} if trace else {}), **line}


def lines(event: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """One line at level info for each of `rows`, none of them empty, in one write. In JSON past structlog's processors:
    they would cost more than the work that the lines tell of. What they have in common is written once.
    """
    if not _json_of:
        for row in rows:
            log.info(event, **readable(row))
        return
    time = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    head = _json(_json_of)[:-1]
    tail = _json({"event": event, "level": "info", "timestamp": time})[1:]
    _write("".join([f"{head},{_json(row)[1:-1]},{tail}\n" for row in rows]))


def readable(row: Mapping[str, Any]) -> dict[str, Any]:
    """As people read it: JSON writes an id as its text by itself."""
    return {name: str(value) if isinstance(value, UUID) else value for name, value in row.items()}


class _Lines:
    """Where structlog's lines go: standard output, whole, one write at a time, each out of the process at once."""

    def msg(self, line: str) -> None:
        _write(line + "\n")

    log = debug = info = warn = warning = error = critical = exception = fatal = failure = err = msg


_json_of: dict[str, str] = {}  # whose lines they are, where they are JSON and not filtered
_writing = threading.Lock()


def _write(text: str) -> None:
    with _writing:
        sys.stdout.write(text)
        sys.stdout.flush()


def _json(line: Mapping[str, Any], **_: Any) -> str:
    try:
        return to_json(line, fallback=repr).decode()
    except ValueError:  # a text that is no Unicode: rare, and no reason to lose the line
        return json.dumps(readable(line), default=repr)
