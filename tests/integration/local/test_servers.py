"""Private servers survive what tests do to them, and leave nothing running behind."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pika
import psycopg
import pytest

from local.broker import Broker
from local.database import Database
from local.processes import LocalError, await_condition
from local.servers import private_postgres, private_rabbitmq


@pytest.fixture(scope="module")
def rabbit_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rabbitmq")


@pytest.fixture(scope="module")
def rabbit(rabbit_folder: Path) -> Iterator[Broker]:
    server = private_rabbitmq(rabbit_folder, print)
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Database]:
    server = private_postgres(tmp_path, print)
    try:
        server.start()
        yield server
    finally:
        server.close()


def test_a_killed_broker_starts_again_with_its_messages(rabbit: Broker, rabbit_folder: Path) -> None:
    url = rabbit.url
    with _channel(url) as channel:
        channel.queue_declare("orders", durable=True, arguments={"x-queue-type": "quorum"})
        channel.confirm_delivery()
        channel.basic_publish("", "orders", b"7")
    # RabbitMQ 3.10 keeps a new quorum queue's registration in memory for up to 0.5 s: killed within that
    # time, it starts again with a queue that nobody can use.
    names = next(rabbit_folder.glob("data/*/quorum/*/names.dets"))
    await_condition(lambda: b"orders" in names.read_bytes(), 5, "the queue to be on disk")

    rabbit.kill()
    rabbit.start()

    assert rabbit.url == url
    with _channel(url) as channel:
        _method, _properties, body = next(iter(channel.consume("orders", inactivity_timeout=10)))
    assert body == b"7"


def test_a_stopped_broker_starts_again_and_obeys_its_command_line(rabbit: Broker) -> None:
    rabbit.create_vhost("orders")
    rabbit.stop()
    rabbit.start()
    assert "orders" in rabbit.ctl("list_vhosts", "--silent").split()


def test_rabbitmqctl_says_what_it_complained_about(rabbit: Broker) -> None:
    with pytest.raises(LocalError, match="no-such-command"):
        rabbit.ctl("no-such-command")


def test_a_killed_database_starts_again_with_what_was_committed(postgres: Database) -> None:
    url = postgres.createdb("orders")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE paid (job_id int); INSERT INTO paid VALUES (7)")

    postgres.kill()
    postgres.start()

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT job_id FROM paid").fetchall() == [(7,)]


def test_a_database_is_copied_from_a_template_and_dropped_under_its_users(postgres: Database) -> None:
    template = postgres.createdb("pattern")
    with psycopg.connect(template) as connection:
        connection.execute("CREATE TABLE paid (job_id int)")
    copy = postgres.createdb("copy", "pattern")
    with psycopg.connect(copy) as connection:
        connection.execute("SELECT job_id FROM paid")
        postgres.dropdb("copy")
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_sigterm_ends_the_servers_too(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys, threading\n"
        "from local.servers import postgres\n"
        "with postgres(pathlib.Path(sys.argv[1])) as database:\n"
        "    print(database.process.pid, flush=True)\n"
        "    threading.Event().wait()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},
        stdout=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        pid = int(running.stdout.readline())
        running.terminate()
    assert running.returncode == 143
    assert not Path(f"/proc/{pid}").exists()


@contextmanager
def _channel(url: str) -> Iterator[Any]:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        yield connection.channel()
    finally:
        connection.close()
