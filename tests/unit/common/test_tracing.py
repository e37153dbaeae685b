"""What comes with a trace goes on in it, and what is exported has the ids that messages carry."""

import re
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from common import tracing
from common.settings import CommonSettings, load

TRACE = "0af7651916cd43dd8448eb211c80319c"
GIVEN = f"00-{TRACE}-b7ad6b7169203331-01"


def test_a_request_with_a_trace_goes_on_in_it_as_a_span_of_its_own() -> None:
    begun = tracing.begun(GIVEN)
    assert tracing.trace_id(begun) == TRACE
    assert begun != GIVEN
    assert tracing.short(begun) == TRACE


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "nonsense",
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-{TRACE}-{'0' * 16}-01",
        GIVEN.upper(),
        GIVEN + "x",
    ],
)
def test_a_request_without_a_proper_trace_begins_one(header: str | None) -> None:
    begun = tracing.begun(header)
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", begun)
    assert tracing.trace_id(begun) not in {TRACE, "0" * 32}


def test_a_call_to_somebody_else_carries_the_trace() -> None:
    assert tracing.trace_id(tracing.headers(GIVEN)["traceparent"]) == TRACE
    assert tracing.headers(None) == {}


def test_nothing_is_exported_by_default() -> None:
    assert not tracing.exporting()


class Collector:
    """Takes spans over OTLP/HTTP."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, str, str, str]] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.take(self.path, ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Silent."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)

    def take(self, path: str, told: ExportTraceServiceRequest) -> None:
        assert path == "/v1/traces"
        for resource in told.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
                    self.spans.append((span.name, *ids))


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector()
    threading.Thread(target=found.server.serve_forever, daemon=True).start()
    yield found
    tracing.configure("tests", "")
    found.server.shutdown()
    found.server.server_close()


def test_a_span_is_exported_under_the_ids_that_messages_carry(collector: Collector) -> None:
    tracing.configure("tests", f"http://127.0.0.1:{collector.server.server_port}")
    own = tracing.begun(GIVEN)
    tracing.span("poller upscale.check", own, GIVEN, 0.5, {"outcome": "Move"})
    tracing.close()
    assert collector.spans == [("poller upscale.check", TRACE, own[36:52], "b7ad6b7169203331")]


def test_an_endpoint_without_the_extra_stops_the_start_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {
        "DATABASE_URL": "postgresql://e@h/e",
        "AMQP_URL": "amqp://h",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert load(CommonSettings).otel_exporter_otlp_endpoint == "http://c:4318"
    for name in [each for each in sys.modules if each.startswith("opentelemetry.sdk")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)
    with pytest.raises(SystemExit) as ended:
        load(CommonSettings)
    assert ended.value.code == 2
    assert "OTEL_EXPORTER_OTLP_ENDPOINT: Value error, the extra `tracing` is not installed" in capsys.readouterr().err


def test_the_image_can_send_spans() -> None:
    lock = (Path(__file__).parents[3] / "requirements.lock").read_text()
    assert "\nopentelemetry-sdk==" in lock
    assert "\nopentelemetry-exporter-otlp-proto-http==" in lock
