"""The hand-tuned reference: pika, pipelined confirms, multiple acknowledgements, N threads, one transaction per job.

As many commits as our own workers have claims and outcomes: two at the stages that ask the outside world, one at the
other. `python -m bench.peers.tuned_loop STAGE`.
"""

import queue
import sys
import threading
from functools import partial

import pika
import psycopg

from bench.peers import hops

stage = sys.argv[1]
after = hops.AFTER[stage] if hops.AFTER[stage] in hops.STAGES else None
work: "queue.SimpleQueue[tuple[int, str]]" = queue.SimpleQueue()
PERSISTENT = pika.BasicProperties(delivery_mode=2, content_type="text/plain")


class Loop:
    """The I/O thread: publishes what is done, and acknowledges it once its confirm is here."""

    def __init__(self) -> None:
        self.open = {}  # delivery tag -> whether it is done, in the broker's order
        self.unconfirmed = {}  # publish tag -> delivery tag
        self.published = 0
        self.channel = None
        self.connection = pika.SelectConnection(pika.URLParameters(hops.AMQP_URL), on_open_callback=self.opened)

    def opened(self, connection) -> None:
        connection.channel(on_open_callback=self.consume)

    def consume(self, channel) -> None:
        self.channel = channel
        channel.add_on_close_callback(lambda _channel, error: sys.exit(f"the broker closed the channel: {error}"))
        channel.basic_qos(prefetch_count=hops.PREFETCH)
        channel.confirm_delivery(self.confirmed, callback=lambda _: channel.basic_consume(stage, self.take))

    def take(self, _channel, method, _properties, body) -> None:
        self.open[method.delivery_tag] = False
        work.put((method.delivery_tag, body.decode()))

    def done(self, tag, job_id) -> None:
        if after is None:
            self.open[tag] = True
            self.flush()
            return
        self.published += 1
        self.unconfirmed[self.published] = tag
        self.channel.basic_publish("bench", after, job_id.encode(), PERSISTENT, mandatory=True)

    def confirmed(self, frame) -> None:
        if not isinstance(frame.method, pika.spec.Basic.Ack):
            raise SystemExit("the broker refused a message")
        tag = frame.method.delivery_tag
        tags = [known for known in self.unconfirmed if known <= tag] if frame.method.multiple else [tag]
        for known in tags:
            self.open[self.unconfirmed.pop(known)] = True
        self.flush()

    def flush(self) -> None:
        head = 0
        for tag, done in self.open.items():
            if not done:
                break
            head = tag
        if head:
            for tag in [tag for tag in self.open if tag <= head]:
                del self.open[tag]
            self.channel.basic_ack(head, multiple=True)


def handle(loop: Loop) -> None:
    with psycopg.connect(hops.DATABASE_URL, autocommit=True) as connection:
        while True:
            tag, job_id = work.get()
            if stage in hops.ASKS:
                hops.claim(connection, job_id, stage)
            hops.move(connection, job_id, stage)
            loop.connection.ioloop.add_callback_threadsafe(partial(loop.done, tag, job_id))


if __name__ == "__main__":
    loop = Loop()
    for _ in range(hops.THREADS):
        threading.Thread(target=handle, args=[loop], daemon=True).start()
    loop.connection.ioloop.start()
