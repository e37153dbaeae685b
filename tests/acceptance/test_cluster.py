"""Three RabbitMQ nodes: one is killed, or cut off from the others, while orders keep coming. Nothing is lost."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench.rig import Place
from common.topology import queues
from local.bootstrap import ROOT
from local.database import Database
from local.rabbitmq import RabbitMQ, find_rabbitmq
from local.servers import Servers
from tests.chaos.run import Plan, run
from tests.chaos.world import Setup
from tests.cluster import Breakable, Load, Outcome, breakable, working
from tests.infrastructure import fresh_database

RATE, SECONDS, TROUBLE_AT_S, TROUBLE_S = 50, 24, 6, 10
JUDGED_ORDERS, JUDGED_S, SEED = 120, 60, 7
MOST_PAUSE_S = 15
Suffer = Callable[[Callable[[Breakable], None]], Outcome]
FIGURES = ROOT / ".enlarger" / "cluster.json"

pytestmark = [
    pytest.mark.skipif(find_rabbitmq() is None, reason="three nodes need a RabbitMQ installed on this machine"),
    pytest.mark.timeout(600),
    pytest.mark.alone,
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Breakable]:
    with breakable(tmp_path_factory.mktemp("cluster")) as made:
        yield made


@pytest.fixture
def suffer(cluster: Breakable, durable_database: Database, tmp_path: Path) -> Iterator[Suffer]:
    """Orders come to workers of their own, and this happens to the cluster meanwhile."""
    with ExitStack() as ending:

        def suffering(trouble: Callable[[Breakable], None]) -> Outcome:
            name = f"cluster_{secrets.token_hex(4)}"
            folder = tmp_path / name
            folder.mkdir()
            place = Place(name, fresh_database(durable_database, name), cluster.nodes.urls, folder)
            ending.callback(durable_database.dropdb, name)
            with working(place):
                assert _members_of_every_queue(cluster) == {3}
                load = Load(place, RATE, SECONDS)
                ending.callback(load.close)
                load.start()
                time.sleep(TROUBLE_AT_S)
                trouble(cluster)
                return load.outcome()

        yield suffering


def test_a_killed_node_costs_no_order(cluster: Breakable, suffer: Suffer) -> None:
    _judge("node killed", suffer(_kill_for_a_while), cluster)


def test_a_node_that_is_cut_off_costs_no_order(cluster: Breakable, suffer: Suffer) -> None:
    _judge("node cut off", suffer(_cut_off_for_a_while), cluster)


def test_the_outside_world_sees_nothing_of_either(
    cluster: Breakable, durable_database: Database, tmp_path: Path
) -> None:
    """As in a chaos run: customers, stand-ins and their ledgers, one node killed and then another cut off."""

    def trouble() -> None:
        time.sleep(TROUBLE_AT_S)
        _kill_for_a_while(cluster)
        time.sleep(TROUBLE_AT_S)
        _cut_off_for_a_while(cluster)

    tmp_path.chmod(0o711)  # so that a server that runs as another user reaches its data
    first, *others = cluster.nodes.members
    plan = Plan(JUDGED_ORDERS, JUDGED_S, Setup(SEED, nodes=others), faults=(), bites_expected=False)
    outcome = run(Servers(first, durable_database), tmp_path / "chaos", plan, print, trouble)
    assert not outcome.verdict.violations
    assert outcome.verdict.delivered == outcome.verdict.paid == JUDGED_ORDERS
    assert not outcome.operator


def _kill_for_a_while(cluster: Breakable) -> None:
    leader = _busiest(cluster)
    leader.kill()
    time.sleep(TROUBLE_S)
    leader.launch()
    cluster.nodes.wait_whole()


def _cut_off_for_a_while(cluster: Breakable) -> None:
    lonely = _busiest(cluster)
    cluster.cut_off(lonely)
    time.sleep(TROUBLE_S)
    cluster.reunite(lonely)


def _judge(what: str, outcome: Outcome, cluster: Breakable) -> None:
    print(f"\nRabbitMQ {cluster.nodes.version}, {what}: {outcome}")  # noqa: T201 - the figures are what people run it for
    known = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text(json.dumps(known | {what: str(outcome), "RabbitMQ": cluster.nodes.version}))
    assert outcome.ended == outcome.attempts == outcome.mails == outcome.orders == RATE * SECONDS, outcome
    assert outcome.pause_s < MOST_PAUSE_S, outcome


def _members_of_every_queue(cluster: Breakable) -> set[int]:
    listed = cluster.nodes.members[0].api("GET", "/queues")
    assert {queue["name"] for queue in listed} == set(queues())
    return {len(queue["members"]) for queue in listed}


def _busiest(cluster: Breakable) -> RabbitMQ:
    """The node that leads most queues: the worst one to lose."""
    listed = next(iter(cluster.nodes.members)).api("GET", "/queues")
    leads = [queue["leader"] for queue in listed]
    return max(cluster.nodes.members, key=lambda member: leads.count(member.name))
