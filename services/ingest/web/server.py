"""uvicorn in a thread of the worker: its ticker `http`. It stops when the worker does, after what is under way."""

import asyncio
import socket
import sys
import threading

import structlog
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.ingest.metrics import SLOW
from services.ingest.settings import IngestSettings

DRAIN_S = 6
BACKLOG = 2048
MOST_CONNECTIONS = 800  # more are answered 503: the thousand files that a process may usually open must not run out

log = structlog.get_logger()


class Http:
    """Listens from the moment it is made; `run` serves until `stop` is set."""

    name = "http"

    def __init__(self, app: FastAPI, settings: IngestSettings) -> None:
        self._app = app
        self._host = settings.host
        self._patience_s = settings.client_patience_s
        self._socket = _listen(settings.host, settings.port)
        self.port: int = self._socket.getsockname()[1]

    def run(self, stop: threading.Event) -> None:
        config = uvicorn.Config(
            self._app,
            http=type("Protocol", (Punctual,), {"patience_s": self._patience_s}),
            log_config=None,
            access_log=False,  # paths hold tickets and tokens
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=DRAIN_S,
            ws="none",
        )
        log.info("http.listening", host=self._host, port=self.port)
        _Server(config, stop).run([self._socket])


class Punctual(HttpToolsProtocol):
    """HTTP whose headers must be complete within `patience_s`, else the connection ends."""

    patience_s = 15.0
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn's own type
        super().connection_made(transport)
        self._watch()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._watch()

    def on_headers_complete(self) -> None:
        self._heard()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._heard()
        super().connection_lost(exc)

    def _watch(self) -> None:
        self._heard()
        self._late = self.loop.call_later(self.patience_s, self._give_up)

    def _heard(self) -> None:
        if self._late:
            self._late.cancel()
            self._late = None

    def _give_up(self) -> None:
        SLOW.labels("headers").inc()
        self.transport.close()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, stop: threading.Event) -> None:
        super().__init__(config)
        self._stop = stop

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or self._stop.is_set()


def _listen(host: str, port: int) -> socket.socket:
    """Ends the process when the address is taken: a second ingest here would answer nobody."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        sys.exit(f"HOST, PORT: cannot listen on {host}:{port} ({error.strerror}). Choose a free port.")
    listener.listen(BACKLOG)
    return listener
