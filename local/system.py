"""Servers, stand-ins and workers in the order that gets all of them ready soonest."""

import fcntl
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.broker import Broker
from local.database import Database
from local.leftovers import sweep
from local.processes import LocalError
from local.servers import Say, choose_postgres, choose_rabbitmq, ended
from local.signals import no_interrupt
from local.stack import DiedError, Stack


@dataclass(frozen=True)
class System:
    """Everything that runs."""

    stack: Stack
    broker: Broker
    database: Database

    def check(self) -> None:
        """Raises `DiedError` for the first process, servers included, that ended although nobody asked it to."""
        for server in (self.broker.process, self.database.process):
            if server is not None and server.died_alone:
                raise DiedError(server)
        self.stack.check()


@contextmanager
def system(
    folder: Path,
    *,
    settings: Mapping[str, str] | None = None,
    sandbox: Mapping[str, str] | None = None,
    say: Say = print,
) -> Iterator[System]:
    """The whole system, ready, in a `folder` made anew; ended whatever happens. Raises `LocalError`."""
    with _made_anew(folder), ExitStack() as ending:
        began = time.monotonic()
        broker = ending.enter_context(ended(choose_rabbitmq(folder / "rabbitmq", say)))
        broker.launch()
        database = ending.enter_context(ended(choose_postgres(folder / "postgres", say)))
        stack = Stack(folder, amqp_url=broker.url, database_url=database.url, settings=settings, sandbox=sandbox)
        ending.callback(_close, stack)
        stack.start_sandbox()
        database.start()
        broker.wait_ready()
        say(f"RabbitMQ {broker.version} and PostgreSQL {database.version}: {_since(began)}")
        stack.start_workers()
        stack.wait_ready()
        say(f"the sandbox and {len(stack.workers)} workers: {_since(began)}")
        yield System(stack, broker, database)


@contextmanager
def _made_anew(folder: Path) -> Iterator[None]:
    """An empty `folder` that is ours alone; what an earlier run left running in it is ended first."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as guard:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalError(f"Another start is running in {folder}: end it first") from None
        if folder.exists():
            for started in folder.rglob("started.txt"):
                sweep(started.parent)
            shutil.rmtree(folder)
        folder.mkdir()
        yield


def _close(stack: Stack) -> None:
    with no_interrupt():
        stack.close()


def _since(began: float) -> str:
    return f"ready after {time.monotonic() - began:.1f} s"
