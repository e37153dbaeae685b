"""The faults, by the names that traps.md gives them: name -> what is done, and how often in a minute."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from tests.chaos.faults import broker, database, links, outside, processes
from tests.chaos.world import World

Act = Callable[[World, Random], int]


@dataclass(frozen=True)
class Fault:
    """`act` does it, waits until it is over, and returns how often it bit (what stand-ins do is counted by them)."""

    about: str
    act: Act
    per_minute: float


FAULTS: Mapping[str, Fault] = {
    "F1": Fault("SIGKILL one worker", processes.kill_one, 4),
    "F2": Fault("SIGKILL all workers", processes.kill_all, 1),
    "F3": Fault("SIGTERM during work: it drains", processes.terminate_one, 2),
    "F4": Fault("SIGSTOP for longer than the leases, then SIGCONT", processes.stop_one, 1),
    "F7": Fault("crash at a named point", processes.crash_at_a_point, 8),
    "F8": Fault("RabbitMQ: kill -9", broker.kill, 1),
    "F8s": Fault("RabbitMQ: orderly restart", broker.restart, 0.5),
    "F9": Fault("RabbitMQ unreachable while workers start", broker.away_at_start, 1),
    "F10": Fault("half-open link: packets vanish", links.half_open, 2),
    "F11": Fault("RST to every connection of a link", links.reset, 4),
    "F12": Fault("RabbitMQ: memory alarm", broker.memory_alarm, 1),
    "F13": Fault("RabbitMQ: binding missing", broker.unbind, 2),
    "F14": Fault("confirms lost after accept", broker.lose_confirms, 2),
    "F14n": Fault("publishes refused (nack)", broker.refuse_publishes, 1),
    "F15": Fault("duplicate, stale and reordered events", broker.repeat_events, 3),
    "F16": Fault("poison messages", broker.poison, 2),
    "F17": Fault("consumer cancelled: queue deleted", broker.delete_queue, 2),
    "F17c": Fault("connection closed by the broker", broker.close_connection, 2),
    "F19": Fault("PostgreSQL: stopped for up to 2 s", database.restart, 1),
    "F19k": Fault("PostgreSQL: kill -9", database.kill, 0.5),
    "F20": Fault("database connections terminated", database.terminate_backends, 3),
    "F20c": Fault("connection lost during COMMIT", database.lose_commit, 3),
    "F22": Fault("rows locked for longer than the time-outs", database.lock_rows, 2),
    "F22d": Fault("deadlock with a foreign session", database.deadlock, 2),
    "F24": Fault("slow link to the database", links.slow_database, 1),
    "F25": Fault("provider: accepted, answer lost", outside.ambiguous_submission, 4),
    "F26": Fault("provider: 429, 5xx, hang, slow drip", outside.provider_trouble, 6),
    "F27": Fault("provider's webhook lost, repeated, early, forged", outside.provider_webhooks, 4),
    "F28": Fault("result 404, cut, of the wrong type or size, redirected", outside.bad_results, 4),
    "F29": Fault("provider says failed, later done", outside.provider_fails, 3),
    "F30": Fault("Stripe's event repeated, reordered, late, badly signed, lost", outside.stripe_events, 4),
    "F31": Fault("refund: time-out after acceptance, 409, 429, saved 500", outside.refund_trouble, 4),
    "F32": Fault("mail: connection dropped before the 250, 4xx, 421", outside.mail_trouble, 4),
    "F33": Fault("storage full", outside.full_storage, 1),
    "F36": Fault("burst of orders on a slow provider", outside.slow_provider, 1),
    "F37": Fault("links cut one by one, restored in another order", links.swizzle, 1),
}
