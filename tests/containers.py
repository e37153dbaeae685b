"""RabbitMQ and PostgreSQL in containers, for `--infra=docker`: fixed loopback ports, so that a restart keeps them."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from local.broker import Broker
from local.database import Database
from local.ports import HOST, free_port
from local.processes import LocalError
from local.server import Server

# Ryuk (the reaper) is one more image to fetch, and `close` is called whatever happens.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
os.environ.setdefault("TESTCONTAINERS_CONNECTION_MODE", "docker_host")

from docker.errors import DockerException  # type: ignore[import-untyped] # ships none
from testcontainers.core.container import DockerContainer  # reads these two settings when imported

# The current majors; what a server really is, it says itself: see the line `infrastructure:` of a run.
RABBITMQ_IMAGE = os.environ.get("TEST_RABBITMQ_IMAGE", "rabbitmq:4-management")
POSTGRES_IMAGE = os.environ.get("TEST_POSTGRES_IMAGE", "postgres:18")


class _Container:
    """A container that is started again under the same ports after it was stopped or killed."""

    def __init__(self, container: DockerContainer) -> None:
        self._container = container
        self._made = False

    def launch(self) -> None:
        if self._made:
            self._wrapped().start()
            return
        self._made = True
        with _docker_errors():
            self._container.start()

    def stop(self) -> None:
        self._wrapped().stop(timeout=20)

    def kill(self) -> None:
        self._wrapped().kill()

    def close(self) -> None:
        self._container.stop(force=True, delete_volume=True)

    def run(self, *command: str) -> str:
        return str(self._wrapped().exec_run(list(command)).output.decode())

    def _wrapped(self) -> Any:
        return self._container.get_wrapped_container()


class _InContainer(Server):
    _container: _Container

    def launch(self) -> None:
        self._container.launch()

    def stop(self) -> None:
        self._container.stop()

    def kill(self) -> None:
        self._container.kill()

    def close(self) -> None:
        self._container.close()


class ContainerBroker(_InContainer, Broker):
    def __init__(self) -> None:
        ports = {5672: free_port(), 15672: free_port(), 15692: free_port()}
        super().__init__(
            port=ports[5672],
            management_port=ports[15672],
            metrics_port=ports[15692],
            password=secrets.token_hex(16),
        )
        container = _new(RABBITMQ_IMAGE)
        container.with_env("RABBITMQ_DEFAULT_USER", self.USER)
        container.with_env("RABBITMQ_DEFAULT_PASS", self.password)
        self._container = _Container(_bound(container, ports))

    def ctl(self, *args: str) -> str:
        return self._container.run("rabbitmqctl", *args)


class ContainerDatabase(_InContainer, Database):
    def __init__(self) -> None:
        super().__init__()
        self._port, self._password = free_port(), secrets.token_hex(16)
        container = _new(POSTGRES_IMAGE)
        container.with_env("POSTGRES_PASSWORD", self._password)
        self._container = _Container(_bound(container, {5432: self._port}))

    @property
    def url(self) -> str:
        return self.database_url("postgres")

    def database_url(self, name: str) -> str:
        return f"postgresql://postgres:{self._password}@{HOST}:{self._port}/{name}"


def _new(image: str) -> DockerContainer:
    with _docker_errors():
        return DockerContainer(image)


@contextmanager
def _docker_errors() -> Iterator[None]:
    try:
        yield
    except DockerException as error:
        raise LocalError(f"docker: {error}") from error


def _bound(container: DockerContainer, ports: dict[int, int]) -> DockerContainer:
    bound: dict[str, Any] = {f"{inside}/tcp": (HOST, outside) for inside, outside in ports.items()}
    container.ports.update(bound)  # `with_bind_ports` knows no address, and would listen on all of them
    return container
