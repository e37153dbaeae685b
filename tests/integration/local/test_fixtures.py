"""What the fixtures promise to every other integration test."""

import psycopg

from local.amqp import reported_version
from local.broker import Broker


def test_each_test_gets_an_empty_virtual_host(broker: Broker, amqp_url: str) -> None:
    vhost = amqp_url.rpartition("/")[2]
    assert vhost in {found["name"] for found in broker.api("GET", "/vhosts")}
    assert broker.api("GET", f"/queues/{vhost}") == []


def test_each_test_gets_a_migrated_database_without_rows(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        ((jobs,),) = connection.execute("SELECT count(*) FROM jobs").fetchall()
    assert jobs == 0


def test_the_version_is_what_the_broker_reports(broker: Broker) -> None:
    assert broker.version == reported_version("127.0.0.1", broker.port)
    assert broker.version[0].isdigit()
