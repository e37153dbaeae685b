"""The whole system as processes, on servers shared by all acceptance tests."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from local.broker import Broker
from local.database import Database
from local.stack import Stack
from tests.infrastructure import Infrastructure, fresh_database

StartStack = Callable[..., Stack]


@pytest.fixture(scope="session")
def durable_database(infrastructure: Infrastructure) -> Database:
    """A PostgreSQL that writes everything down before it says so, as in production."""
    return infrastructure.durable_database


@pytest.fixture
def start_stack(broker: Broker, durable_database: Database, tmp_path: Path) -> Iterator[StartStack]:
    """`start_stack(POLL_FIRST_S="1")` starts the system with these settings, on a fresh database and virtual host.

    `SANDBOX_…` settings go to the stand-ins. A process that died unasked fails the test at its end.
    """
    with ExitStack() as ending:

        def start(**settings: str) -> Stack:
            name = f"acceptance_{secrets.token_hex(4)}"
            database_url = fresh_database(durable_database, name)
            ending.callback(durable_database.dropdb, name)
            amqp_url = broker.create_vhost(name)
            ending.callback(broker.delete_vhost, name)
            sandbox = {key: value for key, value in settings.items() if key.startswith("SANDBOX_")}
            stack = Stack(
                tmp_path / name,
                amqp_url=amqp_url,
                database_url=database_url,
                settings={key: value for key, value in settings.items() if key not in sandbox},
                sandbox=sandbox,
            )
            ending.enter_context(stack)
            ending.callback(stack.check)
            return stack

        yield start


@pytest.fixture
def stack(start_stack: StartStack) -> Stack:
    """The system with the settings that it has by itself."""
    return start_stack()
