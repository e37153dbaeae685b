"""Many orders at once: what a rule of ours held together (the refund brake, the budget) is released together."""

from collections.abc import Iterator

from common import holds
from common.admin import audit
from common.admin.audit import Decision
from common.admin.desk import Desk, RefusedError


def held_for(desk: Desk, reason: str) -> int:
    """How many orders are held for this reason. Raises RefusedError when none is."""
    with desk.database.transaction() as tx:
        rows = dict(tx.execute("SELECT hold_reason, count(*) FROM jobs WHERE hold_reason IS NOT NULL GROUP BY 1"))
    if reason not in rows:
        known = ", ".join(f"{name} ({count})" for name, count in sorted(rows.items())) or "nothing"
        raise RefusedError("none_held", f"No order is held for {reason!r}. What is held: {known}.")
    return int(rows[reason])


def release_all(desk: Desk, reason: str, decision: Decision) -> Iterator[int]:
    """Release them in batches, oldest promise first, each batch with its audit row; yields how many each time."""
    while True:
        with desk.database.transaction() as tx:
            released = holds.release_oldest(tx, desk.tools.plans, decision.author, reason)
            if not released:
                return
            audit.record(tx, decision, "release", None, {"held_for": reason, "orders": len(released)})
        yield len(released)
