"""The bare loop: one message after the other, with as many commits and confirms per order as ours, and nothing else.

The yardstick of latency when little is to be done. `python -m bench.peers.bare_loop STAGE`.
"""

import sys

import pika
import psycopg

from bench.peers import hops

stage = sys.argv[1]
after = hops.AFTER[stage] if hops.AFTER[stage] in hops.STAGES else None
connection = pika.BlockingConnection(pika.URLParameters(hops.AMQP_URL))
channel = connection.channel()
channel.basic_qos(prefetch_count=1)
channel.confirm_delivery()
database = psycopg.connect(hops.DATABASE_URL, autocommit=True)


def take(_channel, method, _properties, body) -> None:
    if stage in hops.ASKS:
        hops.claim(database, body.decode(), stage)
    hops.move(database, body.decode(), stage)
    if after:
        channel.basic_publish("bench", after, body, pika.BasicProperties(delivery_mode=2), mandatory=True)
    channel.basic_ack(method.delivery_tag)


channel.basic_consume(stage, take)
channel.start_consuming()
