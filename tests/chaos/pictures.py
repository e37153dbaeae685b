"""The pictures that the orders are about: small, each of its own, made from the seed, served over HTTP."""

import io
import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image

from local.ports import HOST


def size_of(seed: int, number: int) -> tuple[int, int]:
    """Width and height, in pixels, of picture `number`."""
    chances = random.Random(f"{seed}:size:{number}")  # noqa: S311 - test data
    return chances.randint(40, 80), chances.randint(30, 60)


def picture(seed: int, number: int) -> bytes:
    """A PNG that no other number has."""
    width, height = size_of(seed, number)
    chances = random.Random(f"{seed}:pixels:{number}")  # noqa: S311 - test data
    small = Image.frombytes("RGB", (8, 6), chances.randbytes(8 * 6 * 3))
    target = io.BytesIO()
    small.resize((width, height), Image.Resampling.BICUBIC).save(target, "PNG")
    return target.getvalue()


class PictureServer:
    """`url(number)` answers that picture."""

    def __init__(self, seed: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = picture(seed, int(self.path.strip("/").partition(".")[0]))
                self.send_response(200)
                self.send_header("Content-Type", "image/png")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, name="pictures", daemon=True).start()

    def url(self, number: int) -> str:
        return f"http://{HOST}:{self.port}/{number}.png"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
