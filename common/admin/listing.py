"""Lists of orders, newest first: quick with a million of them, whatever is looked for.

No plan may depend on how often a value occurs. A list without a search is merged from the newest of each pair of stage
and status, in the order of the index `jobs_listed`; a search and the rare sets (held, late, needs attention) name
their few orders first, each of which is then looked at by its key.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from common.admin.reading import Row, rows
from common.database import Transaction
from common.stages import Stage, Status

MOST_FOUND = 2000  # of an address that many share the beginning of
UNDER_WAY = (Stage.CHECKOUT, Stage.SUBMIT, Stage.WATCH, Stage.FETCH, Stage.REFUND, Stage.ANNOUNCE)
_HEX = re.compile("[0-9a-fA-F-]{4,36}")
_LAST_CHARACTER = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of the list ended."""

    created_at: datetime
    job_id: UUID


@dataclass(frozen=True, slots=True)
class Filter:
    """Which orders; None is any. `text`: an address, or the beginning of one, of an id or of a ticket; or one of
    Stripe's or the provider's names. `since_h`: hours. `since` and `until`: instants. `after`: the page before.
    `canary`: our own, and nothing else.
    """

    status: str | None = None
    stage: str | None = None
    text: str | None = None
    held: bool | None = None
    attention: bool | None = None
    late: bool | None = None
    since_h: float | None = None
    since: datetime | None = None
    until: datetime | None = None
    after: Place | None = None
    limit: int = 50
    canary: bool = False


def listing(tx: Transaction, wanted: Filter) -> list[Row]:
    """The newest orders that fit, newest first."""
    statement, values = query(wanted)
    return rows(tx, statement, values)


def query(wanted: Filter) -> tuple[str, Mapping[str, Any]]:
    """The list's one statement: `found` are the orders, the rest is what is shown of them."""
    values: dict[str, Any] = {
        "statuses": [wanted.status] if wanted.status else [status.value for status in Status],
        "stages": [wanted.stage] if wanted.stage else [stage.value for stage in Stage],
        "since_h": wanted.since_h, "since": wanted.since, "until": wanted.until,
    }  # fmt: skip
    if wanted.after:
        values |= {"after_at": wanted.after.created_at, "after_id": wanted.after.job_id}
    sets = _sets(wanted, values)
    some = {"fits": _fits(wanted, sets), "limit": int(wanted.limit)}  # written out: plans are made for any value else
    found = _AMONG.format(few=sets[0], **some) if sets else _BROWSE.format(**some)
    return _SHOWN.format(found=found), values


def _sets(wanted: Filter, values: dict[str, Any]) -> Sequence[str]:
    """The few orders to choose from; the first of them leads."""
    text = (wanted.text or "").strip()
    return [
        *([f"({_search(text, values)})"] if text else []),
        *([_ATTENTION] if wanted.attention else []),
        *([_CANARIES] if wanted.canary else []),
        *([_HELD] if wanted.held else []),
        *([_LATE] if wanted.late else []),
    ]


def _search(text: str, values: dict[str, Any]) -> str:
    """Where such a text can stand: in each place, an index finds it."""
    lowered = text.lower().replace("\0", "")
    values |= {"exact": text.replace("\0", ""), "begins": lowered, "ends": lowered + _LAST_CHARACTER}
    places = [_BY_ADDRESS, _BY_NAME]
    if lowered.startswith("tk_"):
        places.append(_BY_TICKET)
    digits = lowered.replace("-", "")
    if _HEX.fullmatch(lowered) and len(digits) <= len(_NO_ID):
        values |= {"first_id": UUID(digits.ljust(32, "0")), "last_id": UUID(digits.ljust(32, "f"))}
        places.append(_BY_ID)
    return " UNION ".join(places)


def _fits(wanted: Filter, sets: Sequence[str]) -> str:
    """What an order must be besides: nothing, one after the other, or all."""
    return "".join(
        f" AND {condition}"
        for condition, asked in (
            ("(j.created_at, j.job_id) < (%(after_at)s, %(after_id)s)", wanted.after),
            ("j.created_at > now() - make_interval(secs => %(since_h)s * 3600)", wanted.since_h is not None),
            ("j.created_at >= %(since)s", wanted.since),
            ("j.created_at < %(until)s", wanted.until),
            ("NOT j.canary", not wanted.canary),
            ("j.canary", wanted.canary and _CANARIES not in sets[:1]),
            ("j.hold_reason IS NULL", wanted.held is False),
            ("j.hold_reason IS NOT NULL", wanted.held and _HELD not in sets[:1]),
            (_IS_LATE, wanted.late and _LATE not in sets[:1]),
            (_NEEDS_A_PERSON, wanted.attention and _ATTENTION not in sets[:1]),
        )
        if asked
    )


_NO_ID = "0" * 32
_IS_LATE = "(j.promise_at <= now() AND j.completed_at IS NULL AND j.failed_at IS NULL)"
_NEEDS_A_PERSON = "EXISTS (SELECT FROM attention a WHERE a.job_id = j.job_id AND a.closed_at IS NULL)"
_ATTENTION = "(SELECT DISTINCT job_id FROM attention WHERE closed_at IS NULL)"
_CANARIES = "(SELECT job_id FROM jobs WHERE canary)"
_HELD = "(SELECT job_id FROM jobs WHERE hold_reason IS NOT NULL)"
_LATE = f"""(SELECT job_id FROM jobs j
             WHERE stage IN ({", ".join(f"'{stage}'" for stage in UNDER_WAY)}) AND {_IS_LATE})"""
_BY_ADDRESS = f"""
    (SELECT job_id FROM order_keys WHERE address ~>=~ %(begins)s AND address ~<~ %(ends)s
     ORDER BY address USING ~<~, created_at DESC, job_id DESC LIMIT {MOST_FOUND})"""
_BY_NAME = """
    (SELECT job_id FROM order_keys WHERE session_id = %(exact)s) UNION
    (SELECT job_id FROM order_keys WHERE payment_intent = %(exact)s) UNION
    (SELECT job_id FROM attempts WHERE provider_id = %(exact)s)"""
_BY_TICKET = f"""
    (SELECT job_id FROM order_keys WHERE ticket ~>=~ %(begins)s AND ticket ~<~ %(ends)s LIMIT {MOST_FOUND})"""
_BY_ID = "(SELECT job_id FROM jobs WHERE job_id BETWEEN %(first_id)s AND %(last_id)s)"
_BROWSE = """
    SELECT n.job_id FROM unnest(%(stages)s::text[]) s(stage) CROSS JOIN unnest(%(statuses)s::text[]) t(status)
    CROSS JOIN LATERAL (
        SELECT j.job_id, j.created_at FROM jobs j WHERE j.stage = s.stage AND j.status = t.status {fits}
        ORDER BY j.created_at DESC, j.job_id DESC LIMIT {limit}
    ) n ORDER BY n.created_at DESC, n.job_id DESC LIMIT {limit}
"""
_AMONG = """
    SELECT n.job_id FROM {few} few CROSS JOIN LATERAL (
        SELECT j.job_id, j.created_at FROM jobs j
        WHERE j.job_id = few.job_id AND j.stage = ANY(%(stages)s) AND j.status = ANY(%(statuses)s) {fits} OFFSET 0
    ) n ORDER BY n.created_at DESC, n.job_id DESC LIMIT {limit}
"""
_SHOWN = """
    WITH found AS MATERIALIZED ({found})
    SELECT j.job_id, j.ticket, j.status, j.stage, j.created_at, j.paid_at, j.completed_at, j.promise_at, j.wake_at,
           j.tries, j.attempt, j.hold_reason, j.failure_reason, j.factor, j.amount_cents, j.charged_cents,
           j.refunded_cents, j.currency, j.email,
           j.promise_at <= now() AND j.completed_at IS NULL AND j.failed_at IS NULL AS late,
           (SELECT array_agg(a.reason ORDER BY a.attention_id) FROM attention a
            WHERE a.job_id = j.job_id AND a.closed_at IS NULL) AS attention
    FROM found f JOIN jobs j USING (job_id)
    ORDER BY j.created_at DESC, j.job_id DESC
"""
