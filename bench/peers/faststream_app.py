"""FastStream on aio-pika: manual acknowledgement after commit and confirm, returned messages raise, async psycopg.
`python -m bench.peers.faststream_app STAGE`."""

import asyncio
import logging
import sys

from faststream import AckPolicy, FastStream
from faststream.rabbit import Channel, ExchangeType, QueueType, RabbitBroker, RabbitExchange, RabbitMessage, RabbitQueue
from psycopg_pool import AsyncConnectionPool

from bench.peers import hops

stage = sys.argv[1]
channel = Channel(prefetch_count=hops.PREFETCH, publisher_confirms=True, on_return_raises=True)
broker = RabbitBroker(hops.AMQP_URL, default_channel=channel, logger=None)
exchange = RabbitExchange("bench", type=ExchangeType.TOPIC, durable=True)
app = FastStream(broker, logger=None)
pool = AsyncConnectionPool(hops.DATABASE_URL, min_size=1, max_size=hops.THREADS, open=False)


def queue(name: str) -> RabbitQueue:
    return RabbitQueue(name, queue_type=QueueType.QUORUM, durable=True, routing_key=name)


@app.on_startup
async def start() -> None:
    await pool.open()


@broker.subscriber(queue(stage), exchange, ack_policy=AckPolicy.MANUAL)
async def run(job_id: str, message: RabbitMessage) -> None:
    async with pool.connection() as connection, connection.transaction():
        moved = await connection.execute(hops.MOVE, hops.values(job_id, stage))
        if moved.rowcount:
            await connection.execute(hops.HISTORY, hops.values(job_id, stage))
    after = hops.AFTER[stage]
    if after in hops.STAGES:
        await broker.publish(job_id, exchange=exchange, routing_key=after, mandatory=True, persist=True)
    await message.ack()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(app.run())
