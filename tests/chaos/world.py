"""The real system with a fault proxy on every link, and a diary of what was done to it."""

import secrets
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit

import psycopg
import requests

from local.broker import Broker
from local.database import Database
from local.ports import HOST
from local.servers import Servers
from local.stack import Stack
from tests.chaos.fleet import REPLICAS, Fleet
from tests.chaos.pictures import PictureServer
from tests.chaos.proxy import Link, Proxy

LINKS = ("amqp", "database", "stripe", "upsampler", "smtp", "ingest")
# What differs from the default configuration: waits, time-outs and leases in seconds, and brakes on crowds.
SHORTENED = {
    "WAKE_FIRST_S": "1",
    "WAKE_LONGEST_S": "5",
    "CHECKOUT_CHECK_S": "4",
    "POLL_FIRST_S": "2",
    "POLL_INTERVAL_S": "2",
    "PROCESSING_TIMEOUT_S": "25",
    "SUBMIT_UNKNOWN_WAIT_S": "6",
    "CLAIM_MARGIN_S": "2",
    "CLOCK_CLAIM_S": "5",
    "UPSAMPLER_TIMEOUT_S": "2",
    "STRIPE_TIMEOUT_S": "2",
    "SMTP_TIMEOUT_S": "2",
    "FETCH_DEADLINE_S": "5",
    "SOURCE_DEADLINE_S": "5",
    "DECODE_WALL_S": "15",
    "CHECK_AND_STORE_S": "5",
    "DATABASE_STATEMENT_S": "5",
    "DATABASE_LOCK_S": "2",
    "DATABASE_WAIT_S": "3",
    "HEARTBEAT_S": "4",
    "CONFIRM_TIMEOUT_S": "5",
    "REFUNDS_PER_HOUR": "1000000",
    "BREAKER_PAUSE_S": "1",
    "BREAKER_LONGEST_S": "4",
    "BREAKER_PROBE_S": "8",
    "UPSAMPLER_SUBMITS_PER_MIN": "6000",
    "UPSAMPLER_CHECKS_PER_MIN": "24000",
    "RATE_LIMIT_PER_MIN": "1000000",
}


@dataclass(frozen=True)
class Disturbance:
    """What was done to whom, and when; the judge excuses a repeat only by one of these."""

    fault: str
    target: str
    began: datetime
    ended: datetime


@dataclass
class Diary:
    """What bit, how often, and who was disturbed when. Written by many threads."""

    bites: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    poison: set[str] = field(default_factory=set)
    missed: list[str] = field(default_factory=list)
    operator: list[str] = field(default_factory=list)
    slow_drains: list[str] = field(default_factory=list)
    disturbances: list[Disturbance] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def bit(self, fault: str, times: int = 1) -> None:
        with self.lock:
            self.bites[fault] += times

    @contextmanager
    def disturbing(self, fault: str, target: str) -> Iterator[None]:
        began = datetime.now(UTC)
        try:
            yield
        finally:
            with self.lock:
                self.disturbances.append(Disturbance(fault, target, began, datetime.now(UTC)))


@dataclass(frozen=True)
class Setup:
    """`settings` beyond `SHORTENED`; `crash`: points armed from the start, by service; `nodes`: of the broker's
    cluster, beside the broker itself, and reached past the proxy.
    """

    seed: int
    settings: Mapping[str, str] = field(default_factory=dict)
    crash: Mapping[str, str] = field(default_factory=dict)
    replicas: Mapping[str, int] = field(default_factory=lambda: REPLICAS)
    nodes: Sequence[Broker] = ()


class World:
    """One run's system on servers that may serve other runs before and after it."""

    def __init__(
        self,
        servers: Servers,
        folder: Path,
        setup: Setup,
        storage_mb: int,
    ) -> None:
        self.broker: Broker = servers.broker
        self.database: Database = servers.database
        self.folder = folder
        self.setup = setup
        self._storage_mb = storage_mb
        self.diary = Diary()
        self.settings = SHORTENED | dict(setup.settings)
        self._ending = ExitStack()
        self.broker_lock, self.database_lock = threading.Lock(), threading.Lock()
        self.http = requests.Session()
        self.http.trust_env = False

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._ending.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()

    @property
    def links(self) -> Mapping[str, Link]:
        return self.proxy.links

    def stand_in(self, name: str, method: str, path: str, body: Any = None) -> Any:
        """Call a stand-in's remote control, past the proxy."""
        response = self.http.request(method, self.stack.at.sandbox(name) + path, json=body, timeout=20)
        response.raise_for_status()
        return response.json()

    def arm(self, name: str, fault: str, **more: Any) -> None:
        """The next call that fits goes wrong at this stand-in."""
        self.stand_in(name, "POST", "/sandbox/faults", {"fault": fault, **more})

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Past the proxy, for the judge and for faults."""
        return psycopg.connect(self.database_url, autocommit=True, connect_timeout=5)

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """The broker's management API; `{vhost}` in the path is this run's."""
        return self.broker.api(method, path.replace("{vhost}", quote(self.vhost, safe="")), body)

    def _start(self) -> None:
        self.vhost = f"chaos-{secrets.token_hex(4)}"
        self.amqp_url = self.broker.create_vhost(self.vhost)
        self._ending.callback(self.broker.delete_vhost, self.vhost)
        name = f"chaos_{secrets.token_hex(4)}"
        self.database_url = self.database.createdb(name)
        self._ending.callback(self.database.dropdb, name)
        self.proxy = self._ending.enter_context(Proxy())
        for link in LINKS:
            self.proxy.link(link)
        self.pictures = PictureServer(self.setup.seed)
        self._ending.callback(self.pictures.close)
        self.results = self.folder / "results"
        self.results.mkdir(parents=True)
        self._ending.enter_context(_small_storage(self.folder / "files", self._storage_mb))
        self._start_system()

    def _start_system(self) -> None:
        at = {name: f"http://{HOST}:{link.port}" for name, link in self.links.items()}
        nodes = [node.vhost_url(self.vhost) for node in self.setup.nodes]
        servers = {
            "AMQP_URL": ",".join([_through(self.amqp_url, self.links["amqp"]), *nodes]),
            "DATABASE_URL": _through(self.database_url, self.links["database"]),
        }
        self.stack = Stack(
            self.folder,
            amqp_url=servers["AMQP_URL"],
            database_url=servers["DATABASE_URL"],
            sandbox={
                "SANDBOX_STRIPE_WEBHOOK_URL": f"{at['ingest']}/smi-webhook/stripe/",
                "SANDBOX_UPSAMPLER_PUBLIC_URL": at["upsampler"],
                "SANDBOX_UPSAMPLER_DIR": str(self.results),
                "SANDBOX_UPSAMPLER_SECONDS": "1",
            },
        )
        here = self.stack.at
        ports = (
            here.stripe_port,
            here.upsampler_port,
            here.shop_port,
            self.pictures.port,
            self.links["upsampler"].port,
        )
        hosts = ",".join(f"{HOST}:{port}" for port in ports)
        told = self.settings | servers | {
            "PUBLIC_URL": at["ingest"],
            "STRIPE_API_BASE": at["stripe"],
            "UPSAMPLER_URL": f"{at['upsampler']}/api/v1",
            "SMTP_URL": f"smtp://{HOST}:{self.links['smtp'].port}",
            **dict.fromkeys(("SOURCE_HOSTS", "RESULT_HOSTS", "OUTBOUND_ALLOW"), hosts),
        }  # fmt: skip
        self._aim()
        self._ending.callback(self.stack.close)
        self.stack.start_sandbox()
        self.fleet = Fleet(self.stack, told, self.setup.replicas, self.setup.crash)
        self._ending.callback(self.fleet.close)
        for name in ("stripe", "upsampler", "inbox", "shop"):
            self.stack.stand_in(name).wait_ready()
        self.fleet.start()

    def _aim(self) -> None:
        here = self.stack.at
        targets = {
            "amqp": self.broker.port,
            "database": urlsplit(self.database_url).port,
            "stripe": here.stripe_port,
            "upsampler": here.upsampler_port,
            "smtp": here.smtp_port,
            "ingest": here.ingest_port,
        }
        for name, port in targets.items():
            self.links[name].target = port or 0


def _through(url: str, link: Link) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.username}:{parts.password}@{HOST}:{link.port}").geturl()


@contextmanager
def _small_storage(folder: Path, megabytes: int) -> Iterator[None]:
    """A file system of its own for the pictures, so that it can be full; a plain folder where we may not mount."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    mount = shutil.which("mount")
    mounted = bool(mount) and subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], capture_output=True, check=False)
