"""The refund brake (design section 4): beyond so many automatic refunds in an hour, a person must release them.

A wrong clock or a wrong key must not refund a day's business. Each job meets the brake once: whoever releases it lets
it through: one job by any command, all of them by `holds.release_oldest(…, brake.HOLD)`.
"""

from collections.abc import Sequence
from uuid import UUID

from common import notices
from common.attention import raise_attention
from common.database import Transaction, keys
from common.holds import REVIEW_S
from common.outcomes import Move
from common.stages import Stage

BRAKE_LOCK = 0x726566756E6473  # pg_advisory_xact_lock key: who counts the hour's refunds goes alone
HOLD = "refund_brake"


def through(tx: Transaction, wanted: Sequence[UUID], per_hour: int) -> set[UUID]:
    """Those of these (locked) jobs whose first refund may start now; the brake keeps the others, and a person hears."""
    tx.execute("SELECT pg_advisory_xact_lock(%s)", [BRAKE_LOCK])
    known = {
        row[0]
        for row in tx.execute(
            "SELECT job_id FROM passes WHERE gate = 'refunds' AND job_id = ANY(%(ids)s::uuid[])", {"ids": keys(wanted)}
        )
    }
    new = [job for job in wanted if job not in known]
    free = max(per_hour - _in_the_last_hour(tx), 0)
    _note(tx, new[:free], held=False)
    _note(tx, new[free:], held=True)
    if new[free:]:
        _tell(tx, per_hour)
        raise_attention(tx, [(job, HOLD, f"more than {per_hour} refunds in an hour") for job in new[free:]])
    return known.union(new[:free])


def held(per_hour: int) -> Move:
    """What becomes of a job that the brake keeps. Its review comes a day later: one mail speaks for all of them."""
    return Move(Stage.REFUND, "refund_braked", {"per_hour": per_hour}, hold=HOLD, wake_s=REVIEW_S)


def _in_the_last_hour(tx: Transaction) -> int:
    row = tx.execute(
        "SELECT count(*) FROM passes WHERE gate = 'refunds' AND NOT held AND at > now() - make_interval(hours => 1)"
    ).fetchone()
    return int(row[0]) if row else 0


def _note(tx: Transaction, decided: Sequence[UUID], *, held: bool) -> None:
    if decided:
        tx.execute(
            "INSERT INTO passes (gate, job_id, held) SELECT 'refunds', unnest(%(ids)s::uuid[]), %(held)s",
            {"ids": keys(decided), "held": held},
        )


def _tell(tx: Transaction, per_hour: int) -> None:
    notices.tell(
        tx,
        f"{HOLD}:{notices.this_hour(tx)}",
        "Refunds are held: more than the brake allows",
        f"More than {per_hour} orders were to be refunded automatically within an hour (REFUNDS_PER_HOUR). The others "
        "are held until you release them.\n\nLook first why so many fail: the provider, a key, a clock. Then release "
        "them: nothing is lost, and no customer is refunded twice.",
    )
