"""Pausing and resuming, as decisions of people: with an audit row each."""

from common import restored, switches
from common.admin import audit
from common.admin.audit import Decision
from common.admin.desk import RefusedError
from common.database import Transaction
from common.events import EVENTS
from common.switches import ALL, CLOCK

SERVICES = tuple(dict.fromkeys(event.queue.partition(".")[0] for event in EVENTS.values()))


def pause(tx: Transaction, what: str, decision: Decision) -> str:
    """Pause `all`, the `clock`, a service or one of its lanes; the answer is for people. Raises RefusedError."""
    _known(tx, what)
    if not switches.pause(tx, what, decision.actor, decision.why):
        raise RefusedError("state_forbids", f"{what} is paused already.")
    audit.record(tx, decision, "pause", None, {"what": what})
    return f"{what} is paused, until somebody resumes it. Payments are still taken, and promises still run."


def resume(tx: Transaction, what: str, decision: Decision) -> str:
    """End a pause; `all` ends every one. Raises RefusedError."""
    _known(tx, what)
    if restored.since(tx):
        raise RefusedError("not_reconciled", f"Nothing may run yet: {restored.WHY}, then resume.")
    ended = switches.resume(tx, what)
    if not ended:
        others = ", ".join(pause.what for pause in switches.paused(tx))
        raise RefusedError("state_forbids", f"{what} is not paused. What is: {others or 'nothing'}.")
    audit.record(tx, decision, "resume", None, {"what": ended})
    return f"Resumed: {', '.join(ended)}."


def _known(tx: Transaction, what: str) -> None:
    """A typing mistake must not look like a pause."""
    if what in {ALL, CLOCK, *SERVICES}:
        return
    lanes = [row[0] for row in tx.execute("SELECT DISTINCT unnest(lanes) FROM workers ORDER BY 1")]
    if what not in lanes:
        known = ", ".join(dict.fromkeys([ALL, CLOCK, *SERVICES, *lanes]))
        raise RefusedError("unknown_name", f"There is no {what!r} to pause. There are: {known}.")
