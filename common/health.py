"""A worker's own small HTTP port: /metrics, /healthz (the process works), /readyz (its servers are there)."""

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

Check = Callable[[], bool]


def serve(host: str, port: int, alive: Check, checks: Mapping[str, Check]) -> ThreadingHTTPServer:
    """Serve in a daemon thread; returns the server (its `server_port` when `port` was 0). 503 names what is missing."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            match self.path:
                case "/metrics":
                    self._answer(200, generate_latest(), CONTENT_TYPE_LATEST)
                case "/healthz":
                    fine = alive()
                    self._json(200 if fine else 503, {"status": "ok" if fine else "stuck"})
                case "/readyz":
                    results = {name: check() for name, check in checks.items()}
                    self._json(200 if all(results.values()) else 503, results)
                case _:
                    self._json(404, {"status": "not found"})

        def _json(self, status: int, body: object) -> None:
            self._answer(status, json.dumps(body).encode(), "application/json")

        def _answer(self, status: int, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Scrapes are not news."""

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server
