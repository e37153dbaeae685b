"""Faults of the network between the parts: F10, F11, F24, F37."""

import time
from random import Random

from tests.chaos.world import LINKS, World


def half_open(world: World, chances: Random) -> int:
    """Packets vanish for a while. Dead connections stay dead; the database's are reset at the end (see below).

    Behind a userland proxy the kernel answers keep-alive probes, which is how a dead database is really noticed.
    """
    name = chances.choice(LINKS)
    link = world.links[name]
    with world.diary.disturbing("F10", name):
        link.blackhole(on=True)
        time.sleep(chances.uniform(2, 6))
        link.blackhole(on=False)
        if name == "database":
            link.heal(reset_silent=True)
    return 1


def reset(world: World, chances: Random) -> int:
    name = chances.choice(LINKS)
    with world.diary.disturbing("F11", name):
        if chances.random() < 0.5:
            world.links[name].reset()
        else:
            world.links[name].close_after(chances.randint(1, 4000))
            time.sleep(1)
    return 1


def slow_database(world: World, chances: Random) -> int:
    link = world.links["database"]
    with world.diary.disturbing("F24", "database"):
        link.delay(chances.uniform(0.05, 0.2))
        time.sleep(chances.uniform(2, 4))
        link.delay(0)
    return 1


def swizzle(world: World, chances: Random) -> int:
    """Cut a random subset one by one, restore it in another order."""
    names = chances.sample(LINKS, chances.randint(2, len(LINKS)))
    with world.diary.disturbing("F37", "all"):
        for name in names:
            world.links[name].refuse(on=True)
            world.links[name].reset()
            time.sleep(chances.uniform(0.1, 0.7))
        chances.shuffle(names)
        for name in names:
            world.links[name].refuse(on=False)
            time.sleep(chances.uniform(0.1, 0.7))
    return len(names)
