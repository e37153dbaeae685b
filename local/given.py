"""Servers that are there already and named by AMQP_URL and DATABASE_URL: used, never started or stopped."""

import secrets
from typing import Never
from urllib.parse import urlsplit

from psycopg.conninfo import make_conninfo

from local.amqp import reported_version
from local.broker import Broker
from local.database import Database
from local.processes import LocalError

_AMQP_PORT, _MANAGEMENT_PORT, _METRICS_PORT = 5672, 15672, 15692


class GivenBroker(Broker):
    """The server and virtual host that AMQP_URL names. Its queues stay there."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        super().__init__(
            port=parts.port or _AMQP_PORT,
            management_port=_MANAGEMENT_PORT,
            metrics_port=_METRICS_PORT,
            password=parts.password or "guest",
        )
        self._url = url
        self._host = parts.hostname or "localhost"

    @property
    def url(self) -> str:
        return self._url

    def launch(self) -> None:
        """It runs already."""

    def stop(self) -> Never:
        raise _not_ours("AMQP_URL")

    def kill(self) -> Never:
        raise _not_ours("AMQP_URL")

    def ctl(self, *args: str) -> Never:
        raise _not_ours(f"rabbitmqctl {' '.join(args)}: AMQP_URL")

    def close(self) -> None:
        """It stays."""

    def _answers(self) -> bool:
        self.version = reported_version(self._host, self.port)
        return bool(self.version)


class GivenDatabase(Database):
    """The server that DATABASE_URL names, with a new database of our own, which `close` drops."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._given = url
        self._name = f"enlarger_{secrets.token_hex(4)}"

    @property
    def url(self) -> str:
        return self.database_url(self._name)

    def database_url(self, name: str) -> str:
        return urlsplit(self._given)._replace(path=f"/{name}").geturl()

    def launch(self) -> None:
        """It runs already."""

    def wait_ready(self) -> None:
        super().wait_ready()
        self.createdb(self._name)

    def stop(self) -> Never:
        raise _not_ours("DATABASE_URL")

    def kill(self) -> Never:
        raise _not_ours("DATABASE_URL")

    def close(self) -> None:
        if self.version:
            self.dropdb(self._name)

    def _maintenance(self) -> str:
        return make_conninfo(self._given, connect_timeout=5)


def _not_ours(what: str) -> LocalError:
    return LocalError(f"{what} names a server that is not ours to stop; unset it to get a private one")
