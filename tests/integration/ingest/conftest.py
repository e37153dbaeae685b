"""One shop for all: tests use orders of their own, so they need no fresh database each."""

import secrets
from collections.abc import Iterator

import pytest

from local.broker import Broker
from local.database import Database
from tests.infrastructure import fresh_database
from tests.integration.ingest.shop import Shop, open_shop


@pytest.fixture(scope="session")
def shop(broker: Broker, database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    name = f"ingest-{secrets.token_hex(4)}"
    amqp_url = broker.create_vhost(name)
    database_url = fresh_database(database, name)
    with open_shop(database_url, amqp_url, tmp_path_factory.mktemp("storage")) as opened:
        yield opened
    database.dropdb(name)
    broker.retire_vhost(name)
