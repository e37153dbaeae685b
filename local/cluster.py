"""Three RabbitMQ nodes that form a cluster, as processes of this machine. For tests, and for trying things out.

    with cluster(folder) as nodes:
        nodes.urls              # for AMQP_URL: all three, comma-separated
        nodes.members[0].kill() # and `start`

Each node has an epmd of its own, in which the other two are registered at whatever port `route` gives: a proxy that
stands there sees, and may lose, what two nodes say to each other.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from local.epmd import register
from local.ports import HOST
from local.processes import LocalError, await_condition
from local.rabbitmq import Nodes, RabbitMQ, find_rabbitmq

NAMES = ("one@localhost", "two@localhost", "three@localhost")
FORMED_S = 180.0  # on a busy machine; 20 on an idle one
TICK_S, SETUP_S = 4, 1

Route = Callable[[RabbitMQ, RabbitMQ], int]


def straight(_asking: RabbitMQ, other: RabbitMQ) -> int:
    """Where `other` really listens."""
    return other.dist_port


@dataclass(frozen=True)
class Cluster:
    """The running nodes. Queues of type quorum get a member on each of them."""

    members: tuple[RabbitMQ, ...]
    names_held: list[socket.socket] = field(default_factory=list)

    @property
    def urls(self) -> str:
        return ",".join(member.url for member in self.members)

    @property
    def version(self) -> str:
        return self.members[0].version

    def running(self) -> set[str]:
        """Names of the nodes that the first node which answers counts as running."""
        for member in self.members:
            try:
                return {node["name"] for node in member.api("GET", "/nodes") if node.get("running")}
            except OSError:
                continue
        return set()

    def wait_whole(self) -> None:
        """Until every node sees all of them."""
        everyone = {member.name for member in self.members}
        await_condition(lambda: self.running() == everyone, FORMED_S, "the cluster to be whole")
        for member in self.members:
            member.wait_ready()

    def close(self) -> None:
        for member in self.members:
            member.close()
        for held in self.names_held:
            held.close()


@contextmanager
def cluster(folder: Path, route: Route = straight) -> Iterator[Cluster]:
    """Formed and ready within a minute; ended whatever happens. Raises `LocalError`."""
    found = find_rabbitmq()
    if found is None:
        raise LocalError("RabbitMQ is missing: install rabbitmq-server.")
    nodes = Nodes(NAMES, tick_s=TICK_S, setup_s=SETUP_S)
    made = Cluster(tuple(RabbitMQ(folder / name.partition("@")[0], found, nodes, name) for name in NAMES))
    try:
        _introduce(made, route)
        for member in made.members:
            member.launch()
        made.wait_whole()
        for member in made.members:
            member.ctl("await_startup")  # it listens a moment earlier, and would miss a virtual host made then
        yield made
    finally:
        made.close()


def _introduce(made: Cluster, route: Route) -> None:
    for asking in made.members:
        asking.launch_epmd()
        await_condition(lambda port=asking.epmd_port: _listens(port), 10, "epmd to listen")  # type: ignore[misc]
        for other in made.members:
            if other is not asking:
                made.names_held.append(register(asking.epmd_port, other.name, route(asking, other)))


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
