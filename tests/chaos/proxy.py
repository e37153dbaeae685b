"""A TCP proxy that fails on request: one listener per link, so that each can be faulted on its own.

    with Proxy() as proxy:
        link = proxy.link("amqp")
        link.target = 5672
        link.reset()            # RST to every connection
        link.blackhole(on=True) # nothing passes and nobody is told; these connections never come back

A link's methods may be called from any thread; they return when the fault is in place.
"""

import asyncio
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from local.ports import HOST, free_port

CHUNK = 65536
_RST_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(eq=False)
class Connection:
    """One client's connection and ours to the server. `silent`: what comes is dropped, in both directions."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    silent: bool = False
    mute: bool = False  # the server's answers alone are dropped

    def reset(self) -> None:
        for writer in (self.client, self.server):
            sock = writer.get_extra_info("socket")
            if sock is not None and sock.fileno() >= 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)
            writer.transport.abort()

    def close(self) -> None:
        self.client.close()
        self.server.close()


@dataclass
class Trap:
    """Lets `pattern` through to the server, then resets before the answer: the outcome stays unknown."""

    pattern: bytes
    left: int


@dataclass
class Rules:
    """What is wrong with a link just now. `bytes_left`: of answers, until their connection is reset."""

    delay_s: float = 0.0
    blackhole: bool = False
    traps: list[Trap] = field(default_factory=list)
    bytes_left: int | None = None


class Link:
    """One listener before one server on this machine. `bitten` counts the connections that each fault met."""

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self.name = name
        self.port = free_port()
        self.target = 0
        self.bitten: Counter[str] = Counter()
        self._loop = loop
        self._rules = Rules()
        self._connections: set[Connection] = set()
        self._listener: asyncio.Server | None = None

    def cut(self) -> None:
        """Close every connection in good order."""
        self._each("cut", Connection.close)

    def reset(self) -> None:
        """RST to both ends of every connection."""
        self._each("reset", Connection.reset)

    def refuse(self, *, on: bool) -> None:
        """Nobody listens; what is connected stays."""
        self._run(self._close_listener() if on else self.listen())
        self.bitten["refuse"] += on

    def blackhole(self, *, on: bool) -> None:
        """Half-open: packets vanish. Connections that it met stay dead for good, new ones work once it is off."""

        def silence(connection: Connection) -> None:
            connection.silent = True

        if on:
            self._each("blackhole", silence)
        self._rules.blackhole = on

    def mute(self) -> None:
        """Whatever the server says from now on to those connected is lost: confirms, answers, results."""

        def lose_answers(connection: Connection) -> None:
            connection.mute = True

        self._each("mute", lose_answers)

    def delay(self, seconds: float) -> None:
        self._rules.delay_s = seconds
        self.bitten["delay"] += bool(seconds)

    def close_after(self, answer_bytes: int | None) -> None:
        """The connection over which the servers' next `answer_bytes` have come is reset in mid-sentence."""
        self._rules.bytes_left = answer_bytes

    def trap(self, pattern: bytes, times: int) -> None:
        """The next `times` requests with this pattern reach the server, and their answers reach nobody."""
        self._rules.traps.append(Trap(pattern, times))

    def heal(self, *, reset_silent: bool = False) -> None:
        """`reset_silent`: connections that a blackhole or a mute met are reset instead of staying dead."""
        self._rules = Rules()
        if reset_silent:
            self._do(self._reset_silent)
        self._run(self.listen())

    def _reset_silent(self) -> None:
        for connection in list(self._connections):
            if connection.silent or connection.mute:
                connection.reset()

    async def listen(self) -> None:
        if self._listener is not None:
            return  # two faults overlapped, and the other one was over first
        self._listener = await asyncio.start_server(self._serve, HOST, self.port, reuse_address=True)

    async def close(self) -> None:
        await self._close_listener()
        for connection in list(self._connections):
            connection.reset()

    async def _close_listener(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_server, to_server = await asyncio.open_connection(HOST, self.target)
        except OSError:
            writer.transport.abort()
            return
        connection = Connection(writer, to_server, silent=self._rules.blackhole)
        self._connections.add(connection)
        try:
            await asyncio.gather(self._ask(reader, connection), self._answer(from_server, connection))
        except OSError:
            pass  # one of the ends is gone, which is this program's purpose
        finally:
            self._connections.discard(connection)
            connection.close()

    async def _ask(self, reader: asyncio.StreamReader, connection: Connection) -> None:
        while data := await reader.read(CHUNK):
            if connection.silent:
                continue
            await self._wait()
            trapped = self._trapped(data)
            if trapped:
                connection.mute = True
            connection.server.write(data)
            await connection.server.drain()
            if trapped:
                await asyncio.sleep(0.05)  # the server gets to act on it
                connection.reset()
        connection.server.close()

    async def _answer(self, reader: asyncio.StreamReader, connection: Connection) -> None:
        while data := await reader.read(CHUNK):
            if connection.silent or connection.mute:
                continue
            await self._wait()
            if self._spent(len(data)):
                connection.reset()
                return
            connection.client.write(data)
            await connection.client.drain()
        if not connection.silent:
            connection.client.close()

    async def _wait(self) -> None:
        if self._rules.delay_s:
            await asyncio.sleep(self._rules.delay_s)

    def _trapped(self, data: bytes) -> bool:
        for trap in self._rules.traps:
            if trap.left and trap.pattern in data:
                trap.left -= 1
                self.bitten["trap"] += 1
                return True
        return False

    def _spent(self, size: int) -> bool:
        if self._rules.bytes_left is None:
            return False
        self._rules.bytes_left -= size
        if self._rules.bytes_left > 0:
            return False
        self._rules.bytes_left = None
        self.bitten["close_after"] += 1
        return True

    def _each(self, name: str, act: Callable[[Connection], None]) -> None:
        def run() -> None:
            for connection in list(self._connections):
                act(connection)
                self.bitten[name] += 1

        self._do(run)

    def _do(self, act: Callable[[], object]) -> None:
        async def run() -> None:
            act()

        self._run(run())

    def _run(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(5)


class Proxy:
    """The links, served by one thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self.links: dict[str, Link] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _end(self) -> None:
        for link in self.links.values():
            await link.close()
        serving = asyncio.all_tasks() - {asyncio.current_task()}
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    def link(self, name: str) -> Link:
        """A new listener; its `target` port is set before anybody connects."""
        link = self.links[name] = Link(name, self._loop)
        link._run(link.listen())  # noqa: SLF001 - a link and its proxy are one
        return link
