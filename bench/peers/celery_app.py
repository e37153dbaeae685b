"""Celery, as its documentation recommends for work that must not be lost: quorum queues, late acknowledgement,
rejection when a worker is lost, confirmed publishes. `celery -A bench.peers.celery_app worker -Q STAGE`."""

from celery import Celery
from kombu import Exchange, Queue
from psycopg_pool import ConnectionPool

from bench.peers import hops

app = Celery("bench", broker=hops.AMQP_URL)
exchange = Exchange("bench", type="topic")
app.conf.update(
    task_queues=[
        Queue(stage, exchange, routing_key=stage, queue_arguments={"x-queue-type": "quorum"}) for stage in hops.STAGES
    ],
    task_routes={f"bench.{stage}": {"queue": stage} for stage in hops.STAGES},
    task_default_queue_type="quorum",
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_detect_quorum_queues=True,
    worker_prefetch_multiplier=max(hops.PREFETCH // hops.THREADS, 1),
    worker_hijack_root_logger=False,
    broker_transport_options={"confirm_publish": True},
    broker_connection_retry_on_startup=True,
)
_pool: ConnectionPool | None = None


def pool() -> ConnectionPool:
    """Made in the process that uses it: after the fork."""
    global _pool
    if _pool is None:
        _pool = ConnectionPool(hops.DATABASE_URL, min_size=1, max_size=hops.THREADS, open=True)
    return _pool


def task(stage: str):
    @app.task(name=f"bench.{stage}")
    def run(job_id: str) -> None:
        with pool().connection() as connection:
            hops.move(connection, job_id, stage)
        if hops.AFTER[stage] in tasks:
            tasks[hops.AFTER[stage]].delay(job_id)

    return run


tasks = {}
tasks.update({stage: task(stage) for stage in hops.STAGES})
