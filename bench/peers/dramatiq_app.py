"""Dramatiq with confirmed deliveries. It has no setting for quorum queues: the arguments of its queues are overridden.
`dramatiq bench.peers.dramatiq_app --processes 1 --threads N --queues STAGE`."""

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.middleware import default_middleware
from dramatiq.middleware.prometheus import Prometheus
from psycopg_pool import ConnectionPool

from bench.peers import hops


class QuorumBroker(RabbitmqBroker):
    def _build_queue_arguments(self, queue_name):
        return super()._build_queue_arguments(queue_name) | {"x-queue-type": "quorum"}


middleware = [made() for made in default_middleware if made is not Prometheus]
broker = QuorumBroker(url=hops.AMQP_URL, confirm_delivery=True, middleware=middleware)
dramatiq.set_broker(broker)
pool = ConnectionPool(hops.DATABASE_URL, min_size=1, max_size=hops.THREADS, open=True)


def actor(stage: str):
    def run(job_id: str) -> None:
        with pool.connection() as connection:
            hops.move(connection, job_id, stage)
        if hops.AFTER[stage] in actors:
            actors[hops.AFTER[stage]].send(job_id)

    return dramatiq.actor(run, actor_name=stage, queue_name=stage)


actors = {}
actors.update({stage: actor(stage) for stage in hops.STAGES})
