"""What an operator does about a broker that lost a queue, or more; each act is in the report."""

import time
from contextlib import suppress
from http import HTTPStatus

import requests

from common.topology import queues
from local.processes import LocalError, await_condition
from tests.chaos.world import World

DEAD_TRIES = 5
DECLARED_S = 90  # a worker that waits for a suspect learns after a minute that it is gone, and declares it


def nurse(world: World) -> None:
    """When all is over: where what was declared anew is as dead as before, RabbitMQ 3.10 has lost what all such queues
    need, and only a restart brings it back (docs/decisions/0004).
    """
    bury_dead_queues(world)
    if not _served(world):
        world.broker.stop()
        world.broker.start()
        world.diary.operator.append("restarted RabbitMQ, which served no new queue any more")
        bury_dead_queues(world)


def _served(world: World) -> bool:
    """Whether every queue is there within the time that its worker needs to declare it, and answers."""
    try:
        await_condition(lambda: set(queues()) <= set(_listed(world)), DECLARED_S, "the workers to declare their queues")
    except LocalError:
        return False
    return not any(_why_dead(world, _path(name)) for name in _listed(world))


def _listed(world: World) -> list[str]:
    return [queue["name"] for queue in world.api("GET", "/queues/{vhost}?disable_stats=true")]


def _path(name: str) -> str:
    return f"/queues/{{vhost}}/{name}"


def bury_dead_queues(world: World) -> None:
    """What an operator does: RabbitMQ 3.10 forgets the newest quorum queue when it is killed in the second after its
    declaration; it says that the queue is there, and never answers for it. The workers declare it again.
    """
    for name in _listed(world):
        why = _why_dead(world, _path(name))
        if why:
            with suppress(requests.HTTPError):  # another fault was faster
                world.api("DELETE", _path(name))
            world.diary.operator.append(f"deleted the queue {name}, which RabbitMQ had lost ({why})")


def _why_dead(world: World, path: str) -> str:
    """What the queue says when it is asked for a message: "" from one that lives, or that is gone."""
    why = ""
    for _ in range(DEAD_TRIES):
        try:
            world.api("POST", f"{path}/get", {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"})
        except requests.Timeout:
            return "no answer"
        except requests.HTTPError as error:
            if error.response.status_code == HTTPStatus.NOT_FOUND:
                return ""
            why = error.response.text[:200]
            time.sleep(1)
        else:
            return ""
    return why
