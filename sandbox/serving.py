"""Serving a stand-in: it leaves cleanly on a signal, and can break a connection as a real network does."""

import asyncio
import signal
from types import FrameType
from typing import Never

import uvicorn
from fastapi import FastAPI, Request, Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


def leave_on_signals() -> None:
    """From now on SIGTERM and SIGINT unwind the program with exit code 0, so that its folders are removed."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)


def _leave(_number: int, _frame: FrameType | None) -> Never:
    raise SystemExit(0)


def serve(app: FastAPI, host: str, port: int) -> None:
    """Serve `app` until a signal comes. uvicorn raises the signal again when it has shut down."""
    uvicorn.run(
        app,
        host=host,
        port=port,
        http=BreakableProtocol,
        log_level="warning",
        timeout_graceful_shutdown=1,
        server_header=False,
    )


class BreakableProtocol(HttpToolsProtocol):
    """Hands the connection's transport to the request as `request.state.transport`."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope.setdefault("state", {})["transport"] = self.transport


class BrokenOff(Response):
    """Writes this head and payload as they are, if any, then closes: half an answer, or none."""

    def __init__(self, head: bytes = b"", payload: bytes = b"") -> None:
        super().__init__()
        self.head = head
        self.payload = payload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (ASGI's signature)
        transport = scope["state"]["transport"]
        if self.head:
            transport.write(self.head + self.payload)
        transport.close()
        await disconnected(receive)


async def disconnected(receive: Receive) -> None:
    """Return when the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def is_open(request: Request) -> bool:
    """Whether the client still holds the connection, as far as this side can know."""
    transport: asyncio.Transport = request.state.transport
    return not transport.is_closing()
