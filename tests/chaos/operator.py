"""What an operator does about a broker that lost a queue; each act is in the report."""

import time
from contextlib import suppress
from http import HTTPStatus

import requests

from tests.chaos.world import World

DEAD_TRIES = 5


def bury_dead_queues(world: World) -> None:
    """What an operator does: RabbitMQ 3.10 forgets the newest quorum queue when it is killed in the second after its
    declaration; it says that the queue is there, and never answers for it. The workers declare it again.
    """
    for queue in world.api("GET", "/queues/{vhost}?disable_stats=true"):
        path = f"/queues/{{vhost}}/{queue['name']}"
        why = _why_dead(world, path)
        if why:
            with suppress(requests.HTTPError):  # another fault was faster
                world.api("DELETE", path)
            world.diary.operator.append(f"deleted the queue {queue['name']}, which RabbitMQ had lost ({why})")


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
