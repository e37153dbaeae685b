"""Private servers for a measurement: durable, and with fresh databases and virtual hosts for every round."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from common.schema import migrate
from local.broker import Broker
from local.database import Database
from local.layout import ROOT
from local.leftovers import sweep
from local.processes import LocalError
from local.servers import Say, ended, private_postgres, private_rabbitmq

FOLDER = ROOT / ".enlarger" / "bench"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one round runs: a database with the schema of the system in earnest, an empty virtual host, a folder."""

    name: str
    database_url: str
    amqp_url: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Rig:
    """Both servers, running."""

    broker: Broker
    database: Database
    folder: Path

    @property
    def versions(self) -> dict[str, str]:
        return {"RabbitMQ": self.broker.version, "PostgreSQL": self.database.version}

    @contextmanager
    def place(self, name: str) -> Iterator[Place]:
        """A place of its own, gone afterwards: no round leaves rows or queues to the next."""
        folder = self.folder / name
        folder.mkdir(parents=True)
        database = name.replace("-", "_")
        url = self.database.createdb(database)
        try:
            migrate(url)
            yield Place(name, url, self.broker.create_vhost(name), folder)
        finally:
            self.broker.delete_vhost(name)
            self.database.dropdb(database)


@contextmanager
def _alone() -> Iterator[None]:
    """The folder, emptied, for one measurement at a time: two would measure each other."""
    FOLDER.parent.mkdir(exist_ok=True)
    with FOLDER.with_name("bench.lock").open("w") as guard:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalError("Another measurement is running: wait for it, or end it") from None
        if FOLDER.exists():
            for started in FOLDER.rglob("started.txt"):
                sweep(started.parent)
            shutil.rmtree(FOLDER)
        FOLDER.mkdir()
        yield


@contextmanager
def rig(say: Say) -> Iterator[Rig]:
    """Servers with their own defaults (durability included), ended whatever happens."""
    with _alone(), ExitStack() as ending:
        broker = ending.enter_context(ended(private_rabbitmq(FOLDER / "rabbitmq", say)))
        broker.launch()
        database = ending.enter_context(ended(private_postgres(FOLDER / "postgres", say)))
        database.start()
        broker.wait_ready()
        say(f"RabbitMQ {broker.version}, PostgreSQL {database.version}")
        yield Rig(broker, database, FOLDER)
