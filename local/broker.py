"""A RabbitMQ that we started, however it runs: its addresses, its management API, and when it is ready."""

import time
from abc import abstractmethod
from collections import deque
from typing import Any
from urllib.parse import quote

import requests

from local.amqp import reported_version
from local.ports import HOST
from local.server import Server

_TIMEOUT_S = 10.0
SETTLES_S = 4.0
_LIKE_OURS = {
    "x-queue-type": "quorum",
    "x-dead-letter-exchange": "",
    "x-dead-letter-routing-key": "nowhere",
    "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",
}
_EVERYTHING = {"configure": ".*", "write": ".*", "read": ".*"}


class Broker(Server):
    """Its ports and password, virtual hosts on it, and its management API."""

    NAME, READY_S = "RabbitMQ", 60.0
    USER = "enlarger"

    def __init__(self, *, port: int, management_port: int, metrics_port: int, password: str) -> None:
        super().__init__()
        self.port = port
        self.password = password
        self.management_url = f"http://{HOST}:{management_port}"
        self.metrics_url = f"http://{HOST}:{metrics_port}/metrics"
        self._probes, self._settled_at = 0, 0.0
        self._retired: deque[tuple[float, str]] = deque()
        self._session = requests.Session()
        self._session.auth = (self.USER, password)
        self._session.trust_env = False

    @property
    def url(self) -> str:
        return self.vhost_url("/")

    def vhost_url(self, vhost: str) -> str:
        return f"amqp://{self.USER}:{self.password}@{HOST}:{self.port}/{quote(vhost, safe='')}"

    def create_vhost(self, name: str) -> str:
        """Makes an empty virtual host (20 ms); its URL."""
        self.api("PUT", f"/vhosts/{quote(name, safe='')}", {})
        self.api("PUT", f"/permissions/{quote(name, safe='')}/{self.USER}", _EVERYTHING)
        return self.vhost_url(name)

    def delete_vhost(self, name: str) -> None:
        self.api("DELETE", f"/vhosts/{quote(name, safe='')}")

    def retire_vhost(self, name: str) -> None:
        """Deletes it a little later, with one of the next calls: see `_retire`."""
        self._retire(f"/vhosts/{quote(name, safe='')}")

    def takes_queues_like_ours(self) -> bool:
        """Declares a quorum queue that dead-letters at least once (10 ms)."""
        self._probes += 1
        queue = f"/queues/health/{self._probes}"
        try:
            self.api("PUT", "/vhosts/health", {})
            self.api("PUT", f"/permissions/health/{self.USER}", _EVERYTHING)
            self.api("PUT", queue, {"durable": True, "arguments": _LIKE_OURS})
            self._retire(queue)
        except requests.RequestException:
            return False
        return True

    def _retire(self, path: str) -> None:
        """RabbitMQ 3.10 may lose the supervisor of all dead-lettering for good when a queue is deleted while it is
        still being set up. What a test made a moment ago is therefore deleted when it has settled.
        """
        now = time.monotonic()
        self._retired.append((now + SETTLES_S, path))
        while self._settled_at < now and self._retired[0][0] < now:
            self.api("DELETE", self._retired.popleft()[1])

    def complaints(self) -> str:
        """The last errors in its log, where we can read it."""
        return ""

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Calls the management API: `api("GET", "/queues/%2F")`. Raises `requests.RequestException`."""
        address = f"{self.management_url}/api{path}"
        response = self._session.request(method, address, json=body, timeout=_TIMEOUT_S)
        response.raise_for_status()
        return response.json() if response.content else None

    @abstractmethod
    def ctl(self, *args: str) -> str:
        """Runs `rabbitmqctl`; what it printed. Raises `LocalError` with what it complained about."""

    def wait_ready(self) -> None:
        super().wait_ready()
        self._settled_at = time.monotonic() + SETTLES_S  # the queues that it had are being set up again

    def _answers(self) -> bool:
        version = reported_version(HOST, self.port)
        if not version:
            return False
        self.version = version
        try:
            self.api("GET", "/overview")
        except requests.RequestException:
            return False
        return True
