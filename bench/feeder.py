"""A process that publishes a file of messages, all at once or at a steady rate: `python -m bench.feeder FILE`.

Every message is persistent, mandatory and confirmed. Prints the instant of each publish as JSON. A process of its
own, and all is encoded before the first is sent: what it costs is nobody's who is measured, and it takes little of the
cores that they share with it.
"""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pika
from pika import frame

IN_FLIGHT = 1000
TICK_S = 0.001


class Feeder:
    """Publishes `order["messages"]`, one after the other, and stops when the last is confirmed."""

    def __init__(self, order: Mapping[str, Any]) -> None:
        self._frames = [_encoded(message) for message in order["messages"]]
        self._rate = float(order["rate"])
        self._began = 0.0
        self._acknowledged = 0
        self._channel: Any = None
        self.sent: list[float] = []
        self._connection = pika.SelectConnection(
            pika.URLParameters(order["amqp_url"]), on_open_callback=self._open, on_open_error_callback=self._failed
        )

    def run(self) -> list[float]:
        self._connection.ioloop.start()
        if self._acknowledged < len(self._frames):
            raise RuntimeError(f"the broker confirmed {self._acknowledged} of {len(self._frames)} messages")
        return self.sent

    def _open(self, connection: Any) -> None:
        connection.channel(1, on_open_callback=self._start)

    def _start(self, channel: Any) -> None:
        self._channel = channel
        channel.confirm_delivery(self._confirmed, callback=lambda _frame: self._more())
        channel.add_on_return_callback(self._failed)
        self._began = time.time()

    def _more(self) -> None:
        """Send what may be sent now in one piece."""
        first = len(self.sent)
        while len(self.sent) < len(self._frames) and self._may_send():
            self.sent.append(time.time())
        if len(self.sent) > first:
            self._connection._output_marshaled_frames([b"".join(self._frames[first : len(self.sent)])])  # noqa: SLF001 - as pika's own publish, encoded before
        if self._rate and len(self.sent) < len(self._frames):
            self._connection.ioloop.call_later(max(self._due() - time.time(), TICK_S), self._more)

    def _may_send(self) -> bool:
        if self._rate:
            return time.time() >= self._due()
        return len(self.sent) - self._acknowledged < IN_FLIGHT

    def _due(self) -> float:
        return self._began + len(self.sent) / self._rate

    def _confirmed(self, frame: Any) -> None:
        if not isinstance(frame.method, pika.spec.Basic.Ack):
            self._failed(frame)
        tag = frame.method.delivery_tag
        self._acknowledged = max(self._acknowledged, tag)
        if self._acknowledged == len(self._frames):
            self._connection.ioloop.stop()
        elif not self._rate:
            self._more()

    def _failed(self, *why: object) -> None:
        sys.stderr.write(f"feeder: {why}\n")
        self._connection.ioloop.stop()


def _encoded(message: Mapping[str, Any]) -> bytes:
    """A message's three frames, on the first channel."""
    body = message["body"].encode()
    properties = pika.BasicProperties(delivery_mode=2, **message.get("properties", {}))
    method = pika.spec.Basic.Publish(exchange=message["exchange"], routing_key=message["key"], mandatory=True)
    frames = (frame.Method(1, method), frame.Header(1, len(body), properties), frame.Body(1, body))
    return b"".join([one.marshal() for one in frames])


if __name__ == "__main__":
    sys.stdout.write(json.dumps(Feeder(json.loads(Path(sys.argv[1]).read_text())).run()))
