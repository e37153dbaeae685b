"""Sends the events of paid orders at a steady rate, as ingest does, from a process of its own: `python -m tests.feed`.

Standard input: JSON with `amqp_url`, `rate` and `job_ids`. Standard output: when each was handed over, in Unix seconds.
A message that was not confirmed is not sent again: the clock's wake-up is there for that.
"""

import json
import sys
import time
from uuid import UUID

from common import logs
from common.broker import Broker
from common.confirms import Message
from common.events import PaymentCompleted, encode


def main() -> None:
    order = json.load(sys.stdin)
    broker = Broker(order["amqp_url"], "feed")
    broker.start()
    began, sent = time.time(), []
    for place, job_id in enumerate(order["job_ids"]):
        time.sleep(max(began + place / order["rate"] - time.time(), 0))
        event = PaymentCompleted(job_id=UUID(job_id))
        sent.append(time.time())
        broker.publish([Message(event.name, encode(event, "ingest"))], lambda _ok: None)
    broker.stop()
    json.dump(sent, sys.stdout)


if __name__ == "__main__":
    logs.configure("feed", "json", "critical")
    main()
