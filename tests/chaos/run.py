"""One run: the real system, orders, faults on a seeded schedule, healing, quiet, the verdict."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import requests

from local.servers import Servers, ended, private_postgres, private_rabbitmq
from tests.chaos import operator, schedule
from tests.chaos.customers import Customers
from tests.chaos.evidence import Evidence, gather, queue_depths
from tests.chaos.faults import FAULTS, outside
from tests.chaos.judge import Verdict, judge
from tests.chaos.schedule import Conductor
from tests.chaos.world import Setup, World

QUIET_S = 60.0  # without any progress
LOOK_S = 0.5
STORAGE_MB, ORDER_MB = 192, 1  # of the pictures' file system: as small as can be, for a fault fills it
COUNT_S = 2.0
MOVING = "SELECT count(*) FROM jobs WHERE stage IN ('submit', 'watch', 'fetch', 'refund', 'announce')"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What to do. `armed`: faults of the stand-ins from the first order on: (stand-in, fault, more)."""

    orders: int
    seconds: float
    setup: Setup
    faults: Sequence[str] = tuple(FAULTS)
    armed: Sequence[tuple[str, str, Mapping[str, object]]] = ()
    quiet_s: float = QUIET_S
    bites_expected: bool = True


@dataclass(frozen=True)
class Outcome:
    """What came of it. `settings`: those that differ from the defaults; `took_s`: to quiet, from the healing."""

    plan: Plan
    verdict: Verdict
    evidence: Evidence
    bites: Mapping[str, int]
    crashes: Mapping[str, int]
    settings: Mapping[str, str]
    versions: str
    refused: int
    operator: Sequence[str]
    missed: Sequence[str]
    quiet_after_s: float | None


@contextmanager
def durable_servers(folder: Path, say: Say) -> Iterator[Servers]:
    """A RabbitMQ and a PostgreSQL of our own: they are killed on purpose."""
    with ExitStack() as ending:
        broker = ending.enter_context(ended(private_rabbitmq(folder / "rabbitmq", say)))
        broker.launch()
        database = ending.enter_context(ended(private_postgres(folder / "postgres", say, durable=True)))
        database.start()
        broker.wait_ready()
        yield Servers(broker, database)


def run(servers: Servers, folder: Path, plan: Plan, say: Say, trouble: Callable[[], None] = lambda: None) -> Outcome:
    """`trouble`: made beside the plan's faults, and over when it returns. Raises `LocalError` when the system does not
    even start.
    """
    seed = plan.setup.seed
    with World(servers, folder, plan.setup, STORAGE_MB + plan.orders * ORDER_MB) as world:
        say(f"{len(world.fleet.slots)} workers are up; {plan.orders} orders in {plan.seconds:.0f} s, seed {seed}")
        for name, fault, more in plan.armed:
            world.arm(name, fault, **more)
        with Customers(world, seed) as customers, _counting(world) as counted:
            customers.buy(schedule.orders(seed, plan.seconds, plan.orders))
            Conductor(world, schedule.faults(seed, plan.seconds, plan.faults)).play(plan.seconds, trouble)
            _heal(world)
            customers.close()
            say(f"healed; {len(customers.purchases)} orders were made, waiting for quiet")
            quiet_after_s = _wait_quiet(world, plan.quiet_s)
        say("judging")
        evidence = gather(world, customers.purchases, counted["redeliver"], bites_expected=plan.bites_expected)
        return Outcome(
            plan=plan,
            verdict=judge(evidence),
            evidence=evidence,
            bites=_bites(world),
            crashes=dict(world.fleet.crashes),
            settings=world.settings,
            versions=f"RabbitMQ {servers.broker.version}, PostgreSQL {servers.database.version}",
            refused=customers.refused,
            operator=tuple(world.diary.operator),
            missed=tuple(world.diary.missed),
            quiet_after_s=quiet_after_s,
        )


def _heal(world: World) -> None:
    """Everything works again; what was lost stays lost."""
    for name in ("stripe", "upsampler", "inbox"):
        world.stand_in(name, "DELETE", "/sandbox/faults")
    for name, link in world.links.items():
        link.heal(reset_silent=name == "database")
    world.fleet.disarm()
    operator.nurse(world)


def _wait_quiet(world: World, within_s: float) -> float | None:
    """Seconds until every order had ended and every queue was empty; None when less was left to do at no moment of
    `within_s` (the judge says why): how long all of it takes depends on the machine.
    """
    began = better = time.monotonic()
    least = None
    while (now := time.monotonic()) < better + within_s:
        with suppress(psycopg.Error, requests.RequestException):  # not answering yet is not quiet
            left = _left_to_do(world)
            if not any(left):
                return now - began
            if least is None or left < least:
                least, better = left, now
        time.sleep(LOOK_S)
    return None


def _left_to_do(world: World) -> tuple[int, int]:
    """Orders on their way and payments that nobody heard of yet; messages. The first tells more: of what a lane has not
    come to, the clock publishes more and more.
    """
    with world.connect() as tx:
        (moving,) = tx.execute(MOVING).fetchone() or (0,)
        taken = {str(row[0]) for row in tx.execute("SELECT job_id FROM jobs WHERE charged_cents > 0")}
    messages = sum(depth for name, depth in queue_depths(world).items() if not name.endswith(".dead"))
    sessions = world.stand_in("stripe", "GET", "/sandbox/ledger")["sessions"]
    unheard = [s for s in sessions if s["payment_status"] == "paid" and s["metadata"]["job_id"] not in taken]
    return int(moving) + len(unheard), messages


@contextmanager
def _counting(world: World) -> Iterator[Counter[str]]:
    """Adds up the broker's count of redeliveries, which starts again whenever it does."""
    counted: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    stopping = threading.Event()

    def count() -> None:
        while not stopping.wait(COUNT_S):
            with suppress(requests.RequestException):
                for queue in world.api("GET", "/queues/{vhost}"):
                    now = queue.get("message_stats", {}).get("redeliver", 0)
                    counted["redeliver"] += max(now - seen[queue["name"]], 0)
                    seen[queue["name"]] = now

    thread = threading.Thread(target=count, name="redeliveries", daemon=True)
    thread.start()
    try:
        yield counted
    finally:
        stopping.set()
        thread.join()


def _bites(world: World) -> dict[str, int]:
    """How often each fault bit; the stand-ins count their own."""
    bites = Counter(world.diary.bites)
    bites["F7"] = sum(world.fleet.crashes.values())
    for stand_in, name in (("upsampler", "upsampler"), ("stripe", "stripe"), ("inbox", "inbox")):
        for fault, times in world.stand_in(stand_in, "GET", "/sandbox/faults")["taken"].items():
            bites[outside.NUMBERS[name, fault]] += times
    return dict(bites)
