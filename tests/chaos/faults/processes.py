"""Faults of processes: F1 to F4, F7."""

import time
from random import Random

from local.processes import TERMINATE_S
from tests.chaos.fleet import Slot
from tests.chaos.world import World

STOP_S = 11.0  # longer than every lease in `world.SHORTENED`
ARMED_S = 6.0

# Where each service passes, so that an armed process meets its point.
EVERYWHERE = (
    "before_commit",
    "after_commit",
    "before_publish",
    "after_publish",
    "before_acknowledge",
    "after_acknowledge",
)
POINTS = {
    "ingest": (
        "event_before_commit", "event_after_commit", "before_checkout", "after_checkout",
        "before_publish", "after_publish",
    ),
    "submitter": (*EVERYWHERE, "before_source", "after_source", "before_submit", "after_submit"),
    "poller": (
        *EVERYWHERE, "before_status", "after_status",
        "clock_before_commit", "clock_after_commit", "clock_after_publish", "clock_after_settle",
    ),
    "finisher": (
        *EVERYWHERE, "before_fetch", "after_fetch", "before_store", "after_store", "before_refund", "after_refund",
    ),
    "notifier": (
        "before_commit", "after_commit", "before_acknowledge", "after_acknowledge", "before_mail", "after_mail",
    ),
}  # fmt: skip


def kill_one(world: World, chances: Random) -> int:
    slot = chances.choice(world.fleet.slots)
    with slot.lock, world.diary.disturbing("F1", slot.key):
        _kill(world, slot)
        time.sleep(chances.uniform(0, 1.0))
        slot.start()
    return 1


def kill_all(world: World, chances: Random) -> int:
    with world.diary.disturbing("F2", "all"):
        for slot in world.fleet.slots:
            slot.lock.acquire()
        try:
            for slot in world.fleet.slots:
                _kill(world, slot)
            time.sleep(chances.uniform(0, 1.0))
            for slot in world.fleet.slots:
                slot.start()
        finally:
            for slot in world.fleet.slots:
                slot.lock.release()
    return len(world.fleet.slots)


def terminate_one(world: World, chances: Random) -> int:
    """It drains what it does and takes no more; a late one is a broken promise."""
    slot = chances.choice(world.fleet.slots)
    with slot.lock, world.diary.disturbing("F3", slot.key):
        if not slot.member.alive or not slot.member.ready():
            return 0  # still starting: there is no work to drain
        began = time.monotonic()
        slot.member.terminate(2 * TERMINATE_S)
        took = time.monotonic() - began
        if took > TERMINATE_S or slot.member.exit_code != 0:
            world.diary.slow_drains.append(f"{slot.key}: {took:.1f} s, exit code {slot.member.exit_code}")
        slot.start()
    return 1


def stop_one(world: World, chances: Random) -> int:
    """A zombie: its leases run out, its messages go to others, then it wakes in the middle of a sentence."""
    slot = chances.choice([slot for slot in world.fleet.slots if slot.service != "ingest"])
    with slot.lock, world.diary.disturbing("F4", slot.key):
        slot.member.pause()
        time.sleep(STOP_S)
        slot.member.resume()
    return 1


def crash_at_a_point(world: World, chances: Random) -> int:
    """Replace a worker by one that dies at a point of its own; the supervisor counts where it did."""
    slot = chances.choice(world.fleet.slots)
    point = chances.choice(POINTS[slot.service])
    with world.diary.disturbing("F7", slot.key):
        with slot.lock:
            _kill(world, slot)
            slot.start({"TEST_CRASH_POINTS": f"{point}:0.7:{chances.random()}"})
        deadline = time.monotonic() + ARMED_S
        while slot.armed and time.monotonic() < deadline:
            time.sleep(0.1)
        with slot.lock:
            if slot.armed:  # nothing came that way
                _kill(world, slot)
                slot.start()
                return 0
    return 1


def _kill(world: World, slot: Slot) -> None:
    if slot.member.alive:
        slot.member.kill()
        world.diary.kills += 1
