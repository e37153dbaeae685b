"""The servers that the tests run against: started once, when the first test needs them. A missing one fails."""

import shutil
import tempfile
from functools import cached_property
from pathlib import Path

from common.schema import migrate
from local.broker import Broker
from local.database import Database
from local.docker import docker_answers
from local.server import Server
from local.servers import private_postgres, private_rabbitmq
from tests.containers import ContainerBroker, ContainerDatabase

KINDS = ("docker", "local")
_TEMPLATE = "template_enlarger"


class Infrastructure:
    """`broker`, `database` (quick: no fsync) and `durable_database`; each starts when it is first asked for."""

    def __init__(self, kind: str | None, parent: Path | None = None) -> None:
        self.kind = kind or ("docker" if docker_answers() else "local")
        self._parent = parent
        self._started: list[Server] = []

    def versions(self) -> str:
        """Starts both servers side by side; what they report about themselves."""
        broker, database = self._launched_broker, self.database
        broker.wait_ready()
        return f"RabbitMQ {broker.version}, PostgreSQL {database.version}"

    def started_versions(self) -> str:
        """The same, where both have been needed; else ""."""
        return self.versions() if {"broker", "database"} <= self.__dict__.keys() else ""

    @cached_property
    def broker(self) -> Broker:
        self._launched_broker.wait_ready()
        return self._launched_broker

    @cached_property
    def database(self) -> Database:
        return self._start_database("postgres", durable=False)

    @cached_property
    def durable_database(self) -> Database:
        return self._start_database("durable-postgres", durable=True)

    def revived_after(self) -> str:
        """Restarts a broker that takes no queue like ours any more; what it complained of, or "" where all is well.

        RabbitMQ 3.10 can lose the part that dead-letters, or its Raft system, and go on answering everything else. That
        is for operators to restart, and no reason for every later test to fail.
        """
        if "broker" not in self.__dict__ or self.broker.takes_queues_like_ours():
            return ""
        complaints = self.broker.complaints()
        self.broker.kill()
        self.broker.start()
        return f"RabbitMQ took no queue like ours and was restarted. Its log's last errors:\n{complaints}"

    def close(self) -> None:
        for server in reversed(self._started):
            server.close()
        if self._started:
            shutil.rmtree(self._folder)

    @cached_property
    def _folder(self) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="enlarger-tests-", dir=self._parent))
        folder.chmod(0o711)  # so that a server that runs as another user reaches its data
        return folder

    @cached_property
    def _launched_broker(self) -> Broker:
        docker = self.kind == "docker"
        broker = ContainerBroker() if docker else private_rabbitmq(self._folder / "rabbitmq", print)
        self._started.append(broker)
        broker.launch()
        return broker

    def _start_database(self, name: str, *, durable: bool) -> Database:
        docker = self.kind == "docker"
        database: Database = (
            ContainerDatabase() if docker else private_postgres(self._folder / name, print, durable=durable)
        )
        self._started.append(database)
        database.start()
        migrate(database.createdb(_TEMPLATE))
        return database


def fresh_database(database: Database, name: str) -> str:
    """A new database with the whole schema and no rows (50 ms without fsync); its URL."""
    return database.createdb(name, _TEMPLATE)
