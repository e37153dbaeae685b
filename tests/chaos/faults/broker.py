"""Faults of RabbitMQ: F8, F9, F12 to F17."""

import json
import time
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import quote

import requests

from common.events import EVENTS, EXCHANGE
from local.processes import LocalError
from tests.chaos import operator
from tests.chaos.world import World

POISON = (
    "not JSON at all {n}",
    '{{"job_id": "poison-{n}"}}',
    "[{n}]",
    '{{"job_id": "00000000-0000-4000-8000-{n:012d}"}}',
)


def kill(world: World, chances: Random) -> int:
    with world.broker_lock, world.diary.disturbing("F8", "amqp"):
        world.broker.kill()
        time.sleep(chances.uniform(0, 1))
        world.broker.start()
        operator.bury_dead_queues(world)
    return 1


def restart(world: World, chances: Random) -> int:
    with world.broker_lock, world.diary.disturbing("F8s", "amqp"):
        world.broker.stop()
        time.sleep(chances.uniform(0, 1))
        world.broker.start()
    return 1


def away_at_start(world: World, chances: Random) -> int:
    """Workers that start while nobody listens wait, and come up alone."""
    link, slots = world.links["amqp"], chances.sample(world.fleet.slots, 2)
    with world.diary.disturbing("F9", "amqp"):
        link.refuse(on=True)
        link.reset()
        for slot in slots:
            with slot.lock:
                if slot.member.alive:
                    slot.member.kill()
                    world.diary.kills += 1
                slot.start()
        time.sleep(chances.uniform(4, 6))
        link.refuse(on=False)
    return 1


def memory_alarm(world: World, chances: Random) -> int:
    """Publishers are blocked; consumers are not."""
    with world.broker_lock, world.diary.disturbing("F12", "amqp"):
        try:
            world.broker.ctl("set_vm_memory_high_watermark", "0.0000001")
            time.sleep(chances.uniform(2, 4))
        finally:
            _with_patience(lambda: world.broker.ctl("set_vm_memory_high_watermark", "0.4"))
    return 1


def _with_patience(act: Callable[[], object]) -> None:
    """The node answers its own tools late while it is short of time; the alarm must not outlive the fault."""
    for left in reversed(range(5)):
        try:
            act()
        except LocalError:
            if not left:
                raise
            time.sleep(1)
        else:
            return


def unbind(world: World, chances: Random) -> int:
    """From now on messages of one event are returned; whoever meets that declares the binding again."""
    event = chances.choice(list(EVENTS.values()))
    path = f"/bindings/{{vhost}}/e/{EXCHANGE}/q/{event.queue}/{event.name}"
    return _asked(world, "F13", "DELETE", path)


def lose_confirms(world: World, chances: Random) -> int:
    """What is published still arrives; no confirm and no delivery comes back, then the connections break."""
    link = world.links["amqp"]
    with world.diary.disturbing("F14", "amqp"):
        link.mute()
        time.sleep(chances.uniform(0.2, 1))
        link.heal(reset_silent=True)
    return 1


def refuse_publishes(world: World, chances: Random) -> int:
    """Full queues: the broker nacks."""
    policy = {"pattern": "^(submitter|poller|finisher|notifier)[.](?!.*dead$)", "definition": {"max-length": 0}}
    with world.diary.disturbing("F14n", "amqp"):
        bit = _asked(world, "F14n", "PUT", "/policies/{vhost}/full", policy | {"apply-to": "queues"})
        time.sleep(chances.uniform(1, 3))
        _asked(world, "F14n", "DELETE", "/policies/{vhost}/full")
    return bit


def repeat_events(world: World, chances: Random) -> int:
    """Every event, for random orders, in random order, whatever their stage."""
    with world.connect() as tx:
        jobs = [str(row[0]) for row in tx.execute("SELECT job_id FROM jobs ORDER BY job_id")]
    picked = chances.sample(jobs, min(len(jobs), 10))
    messages = [(event.name, job_id) for event in EVENTS.values() for job_id in picked for _ in range(2)]
    chances.shuffle(messages)
    return sum(_publish(world, name, json.dumps({"job_id": job_id})) for name, job_id in messages[:60])


def poison(world: World, chances: Random) -> int:
    """Messages that do not parse, or name no job: dead letters, and nothing else."""
    bitten = 0
    for event in chances.sample(list(EVENTS.values()), 3):
        body = chances.choice(POISON).format(n=chances.getrandbits(32))
        world.diary.poison.add(body)
        bitten += _publish(world, event.name, body)
    return bitten


def delete_queue(world: World, chances: Random) -> int:
    """Its messages are gone, its consumers are cancelled; the clock brings the messages back."""
    event = chances.choice(list(EVENTS.values()))
    with world.diary.disturbing("F17", "amqp"):
        return _asked(world, "F17", "DELETE", f"/queues/{{vhost}}/{event.queue}")


def close_connection(world: World, chances: Random) -> int:
    with world.diary.disturbing("F17c", "amqp"):
        try:
            connections = sorted(c["name"] for c in world.api("GET", "/vhosts/{vhost}/connections"))
        except requests.RequestException:
            return 0
        if not connections:
            return 0
        return _asked(world, "F17c", "DELETE", f"/connections/{quote(chances.choice(connections), safe='')}")


def _publish(world: World, key: str, body: str) -> int:
    message = {"routing_key": key, "payload": body, "payload_encoding": "string", "properties": {"delivery_mode": 2}}
    return _asked(world, "publish", "POST", f"/exchanges/{{vhost}}/{EXCHANGE}/publish", message)


def _asked(world: World, fault: str, method: str, path: str, body: Any = None) -> int:
    """1, or 0 when the broker is down just now: then another fault bites already."""
    try:
        world.api(method, path, body)
    except requests.RequestException:
        return 0
    return 1 if fault else 0
