"""The whole system as processes, on servers shared by all acceptance tests."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from local.broker import Broker
from local.database import Database
from local.stack import Stack
from tests.acceptance.shop import QUICK
from tests.infrastructure import Infrastructure, fresh_database

StartStack = Callable[..., Stack]


@pytest.fixture(scope="session")
def durable_database(infrastructure: Infrastructure) -> Database:
    """A PostgreSQL that writes everything down before it says so, as in production."""
    return infrastructure.durable_database


@contextmanager
def started(broker: Broker, database: Database, folder: Path, settings: Mapping[str, str]) -> Iterator[Stack]:
    """The system with these settings on a fresh database and virtual host; `SANDBOX_…` go to the stand-ins.

    A process that died unasked is the error at the end.
    """
    name = f"acceptance_{secrets.token_hex(4)}"
    with ExitStack() as ending:
        database_url = fresh_database(database, name)
        ending.callback(database.dropdb, name)
        amqp_url = broker.create_vhost(name)
        ending.callback(broker.retire_vhost, name)
        sandbox = {key: value for key, value in settings.items() if key.startswith("SANDBOX_")}
        stack = Stack(
            folder / name,
            amqp_url=amqp_url,
            database_url=database_url,
            settings={key: value for key, value in settings.items() if key not in sandbox},
            sandbox=sandbox,
        )
        ending.enter_context(stack)
        ending.callback(stack.check)
        yield stack


@pytest.fixture
def start_stack(broker: Broker, durable_database: Database, tmp_path: Path) -> Iterator[StartStack]:
    """`start_stack(POLL_FIRST_S="1")` starts the system with these settings; it ends with the test."""
    with ExitStack() as ending:
        yield lambda **settings: ending.enter_context(started(broker, durable_database, tmp_path, settings))


@pytest.fixture(scope="module")
def quick_stack(
    broker: Broker, durable_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """One system with short waits for all tests of a module: each looks at its own orders alone."""
    with started(broker, durable_database, tmp_path_factory.mktemp("quick"), QUICK) as stack:
        yield stack


@pytest.fixture
def stack(start_stack: StartStack) -> Stack:
    """The system with the settings that it has by itself."""
    return start_stack()
