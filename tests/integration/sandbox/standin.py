"""What the tests of the stand-ins stand on: real processes, a picture server and a webhook receiver."""

import io
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import requests
from PIL import Image, ImageDraw

ROOT = Path(__file__).parents[3]
T = TypeVar("T")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(ask: Callable[[], T], timeout_s: float = 20) -> T:
    """Ask until the answer is true, and return it."""
    deadline = time.monotonic() + timeout_s
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"still {answer!r} after {timeout_s} s"
        time.sleep(0.02)
    return answer


@dataclass
class StandIn:
    """A stand-in in a process of its own."""

    url: str
    process: subprocess.Popen[bytes]

    def get(self, path: str) -> Any:
        return requests.get(self.url + path, timeout=10).json()

    def arm(self, fault: str, **fields: Any) -> None:
        answer = requests.post(f"{self.url}/sandbox/faults", json={"fault": fault, **fields}, timeout=10)
        assert answer.status_code == 201, answer.text

    def disarm(self) -> None:
        requests.delete(f"{self.url}/sandbox/faults", timeout=10)

    def is_up(self) -> bool:
        assert self.process.poll() is None, f"ended with {self.process.returncode}"
        try:
            return requests.get(f"{self.url}/healthz", timeout=1).ok
        except requests.ConnectionError:
            return False

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)


@contextmanager
def running(module: str, port: int, settings: dict[str, str]) -> Iterator[StandIn]:
    """`python -m module` with these settings, until the block ends."""
    process = subprocess.Popen([sys.executable, "-m", module], cwd=ROOT, env=os.environ | settings)
    stand_in = StandIn(f"http://127.0.0.1:{port}", process)
    try:
        until(stand_in.is_up)
        yield stand_in
        assert stand_in.stop() == 0
    finally:
        process.kill()
        process.wait()


@dataclass
class Site:
    """A customer's site: serves pictures, takes webhooks and answers them with the statuses asked for."""

    url: str
    pictures: dict[str, bytes] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    webhooks: list[tuple[str, Any]] = field(default_factory=list)

    def picture(self, name: str, content: bytes) -> str:
        self.pictures[f"/{name}"] = content
        return f"{self.url}/{name}"

    def hooked(self, path: str) -> list[Any]:
        return [body for at, body in self.webhooks if at == path]


@contextmanager
def site() -> Iterator[Site]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), SiteHandler)
    server.site = Site(f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.02,)).start()
    try:
        yield server.site  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()


class SiteHandler(BaseHTTPRequestHandler):
    @property
    def site(self) -> Site:
        return self.server.site  # type: ignore[attr-defined,no-any-return]

    def do_GET(self) -> None:
        content = self.site.pictures.get(self.path)
        self._answer(200 if content else 404, content or b"")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.site.webhooks.append((self.path, body))
        self._answer(self.site.statuses.pop(0) if self.site.statuses else 200, b"")

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name that http.server gives it)
        """Silent."""


def photograph(size: tuple[int, int] = (48, 36), mode: str = "RGB") -> Image.Image:
    """Clouds of noise with shapes on them: no two regions alike, as fine as a photograph and no finer."""
    coarse = (size[0] // 3, size[1] // 3)
    dice = random.Random(7)  # noqa: S311 (a picture, always the same one)
    noise = Image.frombytes(mode, coarse, dice.randbytes(coarse[0] * coarse[1] * len(mode))).resize(size)
    draw = ImageDraw.Draw(noise)
    draw.ellipse((2, 2, size[0] // 2, size[1] // 2), fill=(220, 40, 30, 255)[: len(mode)])
    draw.rectangle((size[0] // 2, size[1] // 2, size[0] - 3, size[1] - 3), fill=(20, 90, 200, 90)[: len(mode)])
    return noise


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def decoded(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image
