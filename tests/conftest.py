"""Fixtures for every test: real servers, and for each test a database and a virtual host of its own.

`amqp_url` and `database_url` are fresh, empty and migrated; `broker` and `database` are the servers themselves,
for tests that stop, kill or inspect them. `stack` (acceptance) is the whole system as processes.
"""

import secrets
import signal
import warnings
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

from local.broker import Broker
from local.database import Database
from local.processes import LocalError
from tests.infrastructure import KINDS, Infrastructure, fresh_database
from tests.parallel import Member, Run, run_folder

_KEY = pytest.StashKey[Infrastructure]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--infra",
        choices=KINDS,
        help="where RabbitMQ and PostgreSQL come from: containers, or private servers of this machine "
        "(default: docker where a daemon answers)",
    )
    parser.addoption("--migrated-jobs", type=int, default=100_000, help="jobs in the database whose migration is timed")
    parser.addoption("--listed-jobs", type=int, default=30_000, help="jobs in the database whose lists are timed")


def pytest_configure(config: pytest.Config) -> None:
    signal.signal(signal.SIGTERM, _interrupt)
    # started in the background we inherit an ignored SIGINT, and so would every process that a test interrupts
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "alone: nothing else may run beside this test")
    folder = run_folder(config)
    infrastructure = Infrastructure(config.getoption("--infra"), folder)
    config.stash[_KEY] = infrastructure
    config.add_cleanup(infrastructure.close)
    if folder:
        config.pluginmanager.register(Member(folder))
    elif config.getoption("numprocesses"):
        config.option.infra = infrastructure.kind  # decided once for all processes
        run = Run()
        config.pluginmanager.register(run)
        config.add_cleanup(run.close)


def pytest_report_header(config: pytest.Config) -> str:
    return f"infrastructure: {config.stash[_KEY].kind}"


def pytest_report_collectionfinish(config: pytest.Config, items: list[Any]) -> str | None:
    """Names the versions that the servers report, when a collected test needs them."""
    if config.option.collectonly or not any("infrastructure" in item.fixturenames for item in items):
        return None
    try:
        return f"infrastructure: {config.stash[_KEY].versions()}"
    except LocalError as error:
        return f"infrastructure: {error}"


def pytest_sessionfinish(session: pytest.Session) -> None:
    if run_folder(session.config):
        session.config.workeroutput["versions"] = session.config.stash[_KEY].started_versions()  # type: ignore[attr-defined]


def pytest_runtest_setup(item: pytest.Item) -> None:
    if "broker" in getattr(item, "fixturenames", ()):
        complaint = item.config.stash[_KEY].revived_after()
        if complaint:
            warnings.warn(complaint, stacklevel=1)


@pytest.fixture(scope="session")
def infrastructure(pytestconfig: pytest.Config) -> Infrastructure:
    return pytestconfig.stash[_KEY]


@pytest.fixture(scope="session")
def broker(infrastructure: Infrastructure) -> Broker:
    return infrastructure.broker


@pytest.fixture(scope="session")
def database(infrastructure: Infrastructure) -> Database:
    return infrastructure.database


@pytest.fixture
def amqp_url(broker: Broker) -> Iterator[str]:
    """A virtual host without queues."""
    name = f"test-{secrets.token_hex(4)}"
    yield broker.create_vhost(name)
    broker.retire_vhost(name)


@pytest.fixture
def database_url(database: Database) -> Iterator[str]:
    """A database with the whole schema and no rows."""
    name = f"test_{secrets.token_hex(4)}"
    yield fresh_database(database, name)
    database.dropdb(name)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
