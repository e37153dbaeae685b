"""W3C trace context: an order is one trace, from the request that made it to its last mail. OpenTelemetry is optional.

The order's `traceparent` is made with it and lies on its row; every message and log line carries it, so whatever wakes
the order up continues the same trace. Spans are made and sent only where `OTEL_EXPORTER_OTLP_ENDPOINT` is set (the
extra `tracing` must be installed; the image has it); everywhere else the cost is one look at a name.
"""

import re
import secrets
import time
from collections.abc import Mapping
from contextvars import ContextVar
from importlib.util import find_spec
from typing import Any, Protocol

# version-traceid-spanid-flags (https://www.w3.org/TR/trace-context/); zeros are no ids
_FORM = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")

_EXTRA = ("opentelemetry.sdk.trace.export", "opentelemetry.exporter.otlp.proto.http.trace_exporter")

current: ContextVar[str | None] = ContextVar("traceparent", default=None)  # of the request that is being answered


class Sink(Protocol):
    """Where spans go."""

    def span(self, name: str, own: str, parent: str | None, seconds: float, about: Mapping[str, str]) -> None: ...
    def close(self) -> None: ...


_sink: Sink | None = None


def begun(header: str | None = None) -> str:
    """A new span: in the trace of `header` where that is well-formed, else in a trace of its own."""
    known = _FORM.fullmatch(header or "")
    trace, flags = (known[1], known[3]) if known else (secrets.token_hex(16), "01")
    return f"00-{trace}-{secrets.token_hex(8)}-{flags}"


def trace_id(traceparent: str | None) -> str | None:
    """What log lines carry; None where it is none."""
    known = _FORM.fullmatch(traceparent or "")
    return known[1] if known else None


def short(traceparent: str | None) -> str | None:
    """The same for a traceparent of our own making, at the cost of a slice."""
    return traceparent[3:35] if traceparent else None


def headers(traceparent: str | None) -> dict[str, str]:
    """For a call to somebody else: the caller's span as a new one of the same trace."""
    return {"traceparent": begun(traceparent)} if traceparent else {}


def exporting() -> bool:
    """Whether anybody looks at spans: they need not be made otherwise."""
    return _sink is not None


def span(name: str, own: str, parent: str | None, seconds: float, about: Mapping[str, str]) -> None:
    """A span that ends now and took so long; `own` is its traceparent, `parent` the one that led to it."""
    if _sink is not None:
        _sink.span(name, own, parent, seconds, about)


def available() -> bool:
    """Whether the extra `tracing` is installed."""
    try:
        return all(map(find_spec, _EXTRA))
    except ModuleNotFoundError:  # a package above it is missing
        return False


def configure(service: str, endpoint: str) -> None:
    """Export to this OTLP/HTTP endpoint from now on; "" exports nothing. Needs what `available` looks for."""
    global _sink  # noqa: PLW0603 - one exporter per process, set once when it starts
    _sink = _Otlp(service, endpoint) if endpoint else None


def close() -> None:
    """Send what was not sent yet."""
    if _sink is not None:
        _sink.close()


class _Otlp:
    """OpenTelemetry's own batching exporter, fed with spans whose ids are ours."""

    def __init__(self, service: str, endpoint: str) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - an extra

        self._resource = Resource.create({"service.name": f"enlarger-{service}"})
        self._processor = BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces"))

    def span(self, name: str, own: str, parent: str | None, seconds: float, about: Mapping[str, str]) -> None:
        from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415 - an extra

        context = _context(own)
        if context is None:
            return
        ended = time.time_ns()
        self._processor.on_end(
            ReadableSpan(
                name,
                context=context,
                parent=_context(parent),
                resource=self._resource,
                attributes=dict(about),
                start_time=ended - int(seconds * 1e9),
                end_time=ended,
            )
        )

    def close(self) -> None:
        self._processor.shutdown()  # type: ignore[no-untyped-call] # the library leaves it out


def _context(traceparent: str | None) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags  # noqa: PLC0415 - an extra

    known = _FORM.fullmatch(traceparent or "")
    if known is None:
        return None
    return SpanContext(int(known[1], 16), int(known[2], 16), is_remote=False, trace_flags=TraceFlags(int(known[3], 16)))
