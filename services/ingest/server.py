"""uvicorn in a thread of the worker: its ticker `http`. It stops when the worker does, after what is under way."""

import socket
import sys
import threading

import structlog
import uvicorn
from fastapi import FastAPI

DRAIN_S = 6
BACKLOG = 2048

log = structlog.get_logger()


class Http:
    """Listens from the moment it is made; `run` serves until `stop` is set."""

    name = "http"

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        self._app = app
        self._host = host
        self._socket = _listen(host, port)
        self.port: int = self._socket.getsockname()[1]

    def run(self, stop: threading.Event) -> None:
        config = uvicorn.Config(
            self._app,
            log_config=None,
            access_log=False,  # paths hold tickets and tokens
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=DRAIN_S,
            ws="none",
        )
        log.info("http.listening", host=self._host, port=self.port)
        _Server(config, stop).run([self._socket])


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
