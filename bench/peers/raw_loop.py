"""Consumes COUNT messages of one quorum queue, acknowledging many at once; prints the seconds that it took."""

import sys
import time

import os

import pika

count = int(sys.argv[1])
connection = pika.BlockingConnection(pika.URLParameters(os.environ["BENCH_AMQP_URL"]))
channel = connection.channel()
channel.queue_declare("raw", durable=True, arguments={"x-queue-type": "quorum"})
channel.basic_qos(prefetch_count=1000)
if count:
    began = time.monotonic()
    for method, _properties, _body in channel.consume("raw"):
        if method.delivery_tag % 100 == 0 or method.delivery_tag == count:
            channel.basic_ack(method.delivery_tag, multiple=True)
        if method.delivery_tag == count:
            break
    print(time.monotonic() - began)
    channel.cancel()
connection.close()
