"""A RabbitMQ cluster whose nodes can be killed and cut off from each other, under a steady load of orders."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import psycopg

from bench import orders
from bench.ours import Ours
from bench.rig import Place
from local.bootstrap import ROOT
from local.cluster import Cluster, cluster
from local.processes import await_condition
from local.rabbitmq import RabbitMQ
from tests.chaos.proxy import Link, Proxy

# As a cluster is run (docs/cluster.md): a node that stays silent is given up before customers notice.
SETTINGS = {"CONFIRM_TIMEOUT_S": "5", "HEARTBEAT_S": "5"}
WAKE_S = 5.0  # an order whose message was lost on the way in is woken after this; 60 in earnest
END_S = 120.0


@dataclass(frozen=True)
class Breakable:
    """The running cluster, and the links over which its nodes talk: (who asks, whom) -> link."""

    nodes: Cluster
    links: Mapping[tuple[str, str], Link]

    def cut_off(self, node: RabbitMQ) -> None:
        """Whatever this node and the others say to each other is lost; clients reach all of them."""
        for link in self._links_of(node):
            link.blackhole(on=True)

    def reunite(self, node: RabbitMQ) -> None:
        for link in self._links_of(node):
            link.heal(reset_silent=True)
        self.nodes.wait_whole()

    def _links_of(self, node: RabbitMQ) -> list[Link]:
        return [link for pair, link in self.links.items() if node.name in pair]


@contextmanager
def breakable(folder: Path) -> Iterator[Breakable]:
    """Three nodes, each of which reaches the others through a proxy of ours."""
    links: dict[tuple[str, str], Link] = {}
    with Proxy() as proxy:

        def route(asking: RabbitMQ, other: RabbitMQ) -> int:
            link = links[asking.name, other.name] = proxy.link(f"{asking.name} to {other.name}")
            link.target = other.dist_port
            return link.port

        with cluster(folder, route) as nodes:
            yield Breakable(nodes, links)


@dataclass(frozen=True)
class Outcome:
    """What became of `orders`; `pause_s`: the longest time in which no order at all ended while they kept coming."""

    orders: int
    ended: int
    pause_s: float
    longest_s: float
    attempts: int
    mails: int

    def __str__(self) -> str:
        return (
            f"{self.ended} of {self.orders} orders ended, {self.attempts} submissions, {self.mails} mails; "
            f"longest pause {self.pause_s:.1f} s, longest order {self.longest_s:.1f} s"
        )


class Load:
    """Workers at a cluster, and orders that come at a steady rate as ingest would send them."""

    def __init__(self, place: Place, rate: float, seconds: float) -> None:
        self._place = place
        self._rate = rate
        self._ids = orders.make(place.database_url, int(rate * seconds))
        self._feed: subprocess.Popen[str] | None = None

    def start(self) -> None:
        with psycopg.connect(self._place.database_url) as connection:
            connection.execute(
                """UPDATE jobs SET wake_at = now() + make_interval(secs => %s + i.place / %s)
                   FROM unnest(%s::uuid[]) WITH ORDINALITY AS i(job_id, place) WHERE jobs.job_id = i.job_id""",
                [WAKE_S, self._rate, self._ids],
            )
        asked = {"amqp_url": self._place.amqp_url, "rate": self._rate, "job_ids": [str(one) for one in self._ids]}
        self._feed = subprocess.Popen(
            [sys.executable, "-m", "tests.feed"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._feed.stdin is not None
        with self._feed.stdin as asking:
            json.dump(asked, asking)

    def close(self) -> None:
        if self._feed is not None:
            self._feed.kill()
            self._feed.wait()

    def _sent(self) -> dict[UUID, float]:
        assert self._feed is not None
        assert self._feed.stdout is not None
        with self._feed.stdout as told:
            return dict(zip(self._ids, json.load(told), strict=True))

    def outcome(self) -> Outcome:
        """Waits until every order has ended."""
        sent = self._sent()
        with psycopg.connect(self._place.database_url, autocommit=True) as connection:
            await_condition(lambda: orders.all_ended(connection), END_S, "every order to end")
            ended = orders.ended_at(connection, self._ids)
            attempts = _count(connection, "SELECT count(*) FROM attempts")
            mails = _count(connection, "SELECT count(*) FROM mails WHERE kind = 'ready'")
        return Outcome(
            len(self._ids),
            len(ended),
            _longest_gap(sorted(ended.values()), max(sent.values())),
            max(ended[job_id] - sent[job_id] for job_id in ended),
            attempts,
            mails,
        )


@contextmanager
def working(place: Place) -> Iterator[None]:
    """Enlarger's workers at this place, ready; ended whatever happens."""
    ours = Ours(SETTINGS)
    processes = ours.processes(place)
    with ExitStack() as ending:
        for process in processes:
            process.start()
            ending.callback(process.kill)
        ours.wait_ready(place)
        yield


def _longest_gap(ends: Sequence[float], last_came: float) -> float:
    """Until the last order came: what ends alone afterwards is a slow order, and no pause."""
    instants = [end for end in ends if end < last_came]
    return max(later - earlier for earlier, later in pairwise([*instants, last_came]))


def _count(connection: psycopg.Connection, statement: str) -> int:
    row = connection.execute(statement.encode()).fetchone()
    return int(row[0]) if row else 0
