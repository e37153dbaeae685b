"""Erasing what is known about people. The books, amounts, dates and Stripe's ids of the payments stay.

An order is forgotten when it is settled, never before: while its job may still move, its customer must be written to.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from common import jobs, orders
from common.admin import audit
from common.admin.audit import Decision
from common.database import Transaction
from common.jobs import Job
from common.people import finding
from common.people.redaction import redacted
from common.stages import Stage

VERB = "forget"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """`erased`: nothing about the person is left of them. `open`: still under way, erased once they are settled."""

    erased: Sequence[UUID]
    open: Sequence[UUID]


def forget_person(tx: Transaction, address: str, decision: Decision) -> Forgotten:
    """Erase what is known about the person with this address, as they asked. The audit row does not name them."""
    known = jobs.lock(tx, finding.mentions(tx, address))
    settled = [job for job in known.values() if job.stage is Stage.SETTLED]
    waiting = [job.job_id for job in known.values() if job.stage is not Stage.SETTLED]
    forget_orders(tx, settled, decision.author)
    orders.forget_later(tx, waiting)
    tx.execute("DELETE FROM address_wishes WHERE lower(address) = lower(%(address)s)", {"address": address})
    result = Forgotten([job.job_id for job in settled], waiting)
    why = Decision(decision.actor, _without(decision.why, address), decision.request_id)
    audit.record(tx, why, VERB, None, {"erased": len(result.erased), "open": len(result.open)})
    return result


def forget_due(tx: Transaction, keep_s: float, most: int) -> int:
    """Erase from orders that are settled and old enough, or whose customers asked; returns how many."""
    due = [row[0] for row in tx.execute(_DUE, {"keep_s": keep_s, "most": most})]
    settled = [job for job in jobs.lock(tx, due).values() if job.stage is Stage.SETTLED]
    forget_orders(tx, settled, "retention")
    return len(settled)


def forget_events(tx: Transaction, keep_s: float, most: int) -> int:
    """Redact old events of Stripe that are about no order of ours; returns how many."""
    rows = tx.execute(_ALONE, {"keep_s": keep_s, "most": most}).fetchall()
    _redact(tx, rows)
    return len(rows)


def forget_orders(tx: Transaction, settled: Sequence[Job], actor: str) -> None:
    """Erase from these (locked, settled) orders and from every row about them what is, or may be, about a person."""
    if not settled:
        return
    ids = {"ids": [job.job_id for job in settled], "actor": actor}
    orders.forget(tx, [job.job_id for job in settled])
    for statement in _ERASURES:
        tx.execute(statement.encode(), ids)
    _redact(tx, tx.execute(_EVENTS, ids).fetchall())


def _redact(tx: Transaction, rows: Iterable[Sequence[object]]) -> None:
    """Events as (id, payload)."""
    for event_id, payload in rows:
        kept = redacted(payload) if isinstance(payload, dict) else {}
        tx.execute(
            "UPDATE stripe_events SET payload = %(kept)s, redacted_at = now() WHERE event_id = %(id)s",
            {"id": event_id, "kept": json.dumps(kept)},
        )


def _without(text: str, address: str) -> str:
    """The operator's words without the address, however it is written in them."""
    at = text.lower().find(address.lower())
    return text if at < 0 else _without(f"{text[:at]}…{text[at + len(address) :]}", address)


# Free texts of people and servers are kept unless they hold an address: a mail server names whom it refuses.
_ERASURES = (
    "DELETE FROM address_wishes WHERE job_id = ANY(%(ids)s)",
    "DELETE FROM downloads d USING links l WHERE l.token_hash = d.token_hash AND l.job_id = ANY(%(ids)s)",
    (
        "UPDATE uploads u SET removed_at = COALESCE(removed_at, now()) FROM jobs j"
        " WHERE j.upload_id = u.upload_id AND j.job_id = ANY(%(ids)s)"
    ),  # its file goes with the next sweep
    "UPDATE ratings SET comment = '' WHERE job_id = ANY(%(ids)s) AND comment <> ''",
    "UPDATE mails SET error = NULL, detail = NULL WHERE job_id = ANY(%(ids)s)",
    "UPDATE attention SET detail = '' WHERE job_id = ANY(%(ids)s) AND detail LIKE '%%@%%'",
    "UPDATE attempts SET error = NULL WHERE job_id = ANY(%(ids)s) AND error LIKE '%%@%%'",
    "UPDATE refunds SET error = NULL WHERE job_id = ANY(%(ids)s) AND error LIKE '%%@%%'",
    "UPDATE refunds SET reason = 'forgotten' WHERE job_id = ANY(%(ids)s) AND reason LIKE '%%@%%'",
    "UPDATE disputes SET evidence = '' WHERE job_id = ANY(%(ids)s)",
    "UPDATE audit SET why = '', detail = '{}' WHERE job_id = ANY(%(ids)s) AND why || detail::text LIKE '%%@%%'",
    "UPDATE job_events SET detail = '{}' WHERE job_id = ANY(%(ids)s) AND detail::text LIKE '%%@%%'",
    (
        "INSERT INTO job_events (job_id, actor, kind, from_stage, to_stage)"
        " SELECT job_id, %(actor)s, 'forgotten', stage, stage FROM jobs WHERE job_id = ANY(%(ids)s)"
    ),
)
_EVENTS = """
    SELECT event_id, payload FROM stripe_events e WHERE redacted_at IS NULL AND job_id = ANY(%(ids)s)
    UNION ALL
    SELECT event_id, payload FROM stripe_events WHERE redacted_at IS NULL AND job_id IS NULL AND payment_intent IN (
        SELECT payment_intent FROM jobs WHERE job_id = ANY(%(ids)s) AND payment_intent IS NOT NULL)
"""
_DUE = """
    (SELECT job_id FROM jobs WHERE settled_at < now() - make_interval(secs => %(keep_s)s) AND forgotten_at IS NULL
     ORDER BY settled_at LIMIT %(most)s)
    UNION
    (SELECT job_id FROM jobs WHERE forget_asked_at IS NOT NULL AND forgotten_at IS NULL AND settled_at IS NOT NULL
     ORDER BY forget_asked_at LIMIT %(most)s)
"""
_ALONE = """
    SELECT event_id, payload FROM stripe_events
    WHERE job_id IS NULL AND redacted_at IS NULL AND received_at < now() - make_interval(secs => %(keep_s)s)
    ORDER BY received_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
"""
