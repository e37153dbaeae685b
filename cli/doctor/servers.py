"""PostgreSQL and RabbitMQ: reached, up to date, with the queues that we declare, and workers that run."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from cli.doctor.findings import Finding, bad, good, unseen, warning
from common import switches
from common.admin import reading
from common.database import Database, DatabaseAwayError
from common.events import EVENTS
from common.inspection import BrokerAwayError, Inspection, look
from common.schema import behind
from common.topology import dead_queue
from common.topology import queues as topology

SKEW_S = 5.0
SERVICES = {event.queue.partition(".")[0] for event in EVENTS.values()}


def database(url: str, now: Callable[[], float]) -> Iterator[Finding]:
    """`now`: this machine's clock, in Unix seconds."""
    where = _where(url)
    try:
        missing = behind(url)
    except DatabaseAwayError as error:
        yield bad("PostgreSQL", f"{where}: {_first_line(str(error))}", _database_fix(str(error)))
        yield unseen("schema, clock, workers", "the database comes first")
        return
    yield good("PostgreSQL", where)
    if missing:
        yield bad("schema", f"it lacks {', '.join(missing)}", "run ./enlarger migrate")
        return
    yield good("schema", "up to date")
    opened = Database(url, 2, 5)
    opened.open()
    try:
        yield _clock(opened, now)
        yield from _workers(opened)
    finally:
        opened.close()


def broker(url: str) -> Iterator[Finding]:
    """The connection, every queue with every argument, and what lies among the dead letters."""
    where = _where(url)
    try:
        with look(url) as inspection:
            yield good("RabbitMQ", where)
            yield from _queues(inspection)
    except BrokerAwayError as error:
        fixes = {
            "login": "correct the user and password in AMQP_URL, or give that user a password: "
            "rabbitmqctl change_password",
            "vhost": "make it (rabbitmqctl add_vhost) and give the user permissions on it, or correct the path of "
            "AMQP_URL",
            "address": "start RabbitMQ, or correct the host and port in AMQP_URL",
        }
        yield bad("RabbitMQ", str(error), fixes.get(error.kind, "look into RabbitMQ's log"))
        yield unseen("queues", "the broker comes first")


def _clock(opened: Database, now: Callable[[], float]) -> Finding:
    before = now()
    with opened.transaction() as tx:
        row = tx.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
    here = (before + now()) / 2
    skew_s = float(row[0] if row else here) - here
    if abs(skew_s) <= SKEW_S:
        return good("clock", f"{abs(skew_s):.1f} s from the database's")
    ahead = "behind" if skew_s > 0 else "ahead of"
    return bad(
        "clock",
        f"this machine's clock is {abs(skew_s):.0f} s {ahead} the database's: signatures and links would be refused",
        "keep the clocks of all machines together: timedatectl set-ntp true",
    )


def _workers(opened: Database) -> Iterator[Finding]:
    with opened.transaction() as tx:
        found, off = reading.workers(tx), switches.paused(tx)
    running = {worker["service"] for worker in found}
    idle = sorted(SERVICES - running)
    if idle:
        yield bad(
            "workers",
            f"nobody has heard of {', '.join(idle)} in the last half minute",
            f"start {'it' if len(idle) == 1 else 'them'}: python -m services.{idle[0]}",
        )
    else:
        yield good("workers", f"{len(found)} run, of all {len(SERVICES)} services")
    if off:
        names = ", ".join(pause.what for pause in off)
        yield warning("paused", f"{names} ({off[0].why or 'no reason given'})", "when that is over: ./enlarger resume")


def _queues(inspection: Inspection) -> Iterator[Finding]:
    wrong = 0
    for queue in topology():
        depth = inspection.depth(queue)
        complaint = None if depth.missing else inspection.complaint(queue)
        if depth.missing:
            yield bad("queue", f"{queue} is missing", "start any worker: it declares every queue")
        elif complaint:
            yield bad(
                "queue",
                f"{queue} was declared with other arguments: {_first_line(complaint)}",
                f"stop the workers, empty the queue, and delete it (rabbitmqctl delete_queue {queue}); the first "
                "worker that starts declares it as it must be",
            )
        wrong += bool(depth.missing or complaint)
    if not wrong:
        yield good("queues", f"all {len(topology())} are there, with every argument")
    letters = sum(inspection.depth(dead_queue(event.queue)).messages for event in EVENTS.values())
    if letters:
        yield warning("dead letters", f"{letters} wait for a person", "look at them: ./enlarger dead list")


def _where(url: str) -> str:
    parts = urlsplit(url.split(",", maxsplit=1)[0])
    return f"{parts.hostname}:{parts.port or ''}{parts.path}".replace(":/", "/")


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), text)


def _database_fix(error: str) -> str:
    if "password" in error or "role" in error or "authentication" in error:
        return "correct the user and password in DATABASE_URL"
    if "does not exist" in error:
        return "make the database (createdb), or correct its name in DATABASE_URL"
    return "start PostgreSQL, or correct the host and port in DATABASE_URL"
