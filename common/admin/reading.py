"""What people look at before they decide: one order with everything that is on record, and how all of them stand."""

from collections.abc import Mapping
from typing import Any

from psycopg.rows import dict_row

from common import disputed
from common.admin.desk import identify
from common.database import Transaction
from common.stages import Stage

Row = dict[str, Any]


def record(tx: Transaction, key: str) -> Row:
    """One order with all that is on record beside it. Raises RefusedError."""
    job_id = identify(tx, key)
    [job] = rows(tx, _ORDER, {"job": job_id})
    return job | {name: rows(tx, statement, {"job": job_id}) for name, statement in _LISTS.items()}


def pipeline(tx: Transaction) -> list[Row]:
    """Each stage of the orders that are not settled: how many, held, late, and the longest wait in seconds."""
    found = {row["stage"]: row for row in rows(tx, _PIPELINE, {})}
    none = {"orders": 0, "held": 0, "late": 0, "tries": 0, "oldest_s": None}
    return [found.get(stage, {"stage": stage.value, **none}) for stage in Stage if stage is not Stage.SETTLED]


def today(tx: Transaction) -> Row:
    """The last hour and the last day: orders, deliveries, refunds, and the seconds that a delivery took."""
    [row] = rows(tx, _TODAY, {})
    return row


def attention(tx: Transaction, limit: int = 20) -> list[Row]:
    """What waits for a person, oldest first."""
    return rows(tx, _ATTENTION, {"limit": limit})


def workers(tx: Transaction) -> list[Row]:
    """The worker processes that were heard of in the last half minute; after a restore, since it was noticed: those
    that came with the backup are not there.
    """
    return rows(tx, _WORKERS, {})


def decisions(tx: Transaction, limit: int = 20) -> list[Row]:
    """What people decided last, newest first."""
    return rows(tx, _DECISIONS, {"limit": limit})


def rows(tx: Transaction, statement: str, values: Mapping[str, Any]) -> list[Row]:
    """The rows, each by the names of its columns."""
    return tx.cursor(row_factory=dict_row).execute(statement, values).fetchall()


_ORDER = """
    SELECT job_id, ticket, status, stage, version, attempt, tries, wakes, wake_at, promise_at, hold_reason, review_at,
           failure_reason, failure_detail, created_at, paid_at, completed_at, failed_at, settled_at, source_kind,
           source_url, attachment_id, post_id, source_width, source_height, factor, amount_cents, currency, credits,
           cost_cents, markup_percent, session_id, payment_intent, charged_cents, refunded_cents, email, locale,
           now() AS now, completed_at IS NULL AND failed_at IS NULL AND wake_at = promise_at AS wakes_for_promise
    FROM jobs WHERE job_id = %(job)s
"""
_LISTS = {
    "history": """SELECT at, actor, kind, from_stage, to_stage, detail FROM job_events
                  WHERE job_id = %(job)s ORDER BY event_id""",
    "attempts": """SELECT attempt, state, claim_no, submitted_at, answered_at, ended_at, hinted_at, provider_id,
                          provider_status, credits, error, admin_override, result_until
                   FROM attempts WHERE job_id = %(job)s ORDER BY attempt""",
    "deliveries": """SELECT attempt, claim_no, file_key, file_size, sha256, media_type, width, height, stored_at,
                            removed_at, preview_size, score, warnings
                     FROM deliveries WHERE job_id = %(job)s ORDER BY attempt, claim_no""",
    "sources": """SELECT looked_at, unfit, width, height, media_type, file_size, removed_at FROM sources
                  WHERE job_id = %(job)s""",
    "ledger": """SELECT at, kind, fact, debit, credit, amount_cents, currency FROM ledger
                 WHERE job_id = %(job)s ORDER BY at, fact""",
    "links": f"""SELECT generation, expires_at, revoked_at, downloads, last_download_at, expires_at <= now() AS over,
                       {disputed.freezes("links.job_id")} AS disputed
                FROM links WHERE job_id = %(job)s ORDER BY generation""",
    "disputes": """SELECT dispute_id, state, amount_cents, currency, reason, due_by, opened_at, closed_at FROM disputes
                   WHERE job_id = %(job)s ORDER BY opened_at""",
    "refunds": """SELECT refund_id, number, state, amount_cents, reason, stripe_refund, error, created_at, answered_at
                  FROM refunds WHERE job_id = %(job)s ORDER BY number""",
    "mails": """SELECT kind, about, number, state, error, created_at, answered_at FROM mails
                WHERE job_id = %(job)s ORDER BY mail_id""",
    "attention": """SELECT reason, detail, opened_at, closed_at FROM attention
                    WHERE job_id = %(job)s ORDER BY attention_id""",
    "decisions": """SELECT at, actor, verb, why, detail FROM audit WHERE job_id = %(job)s ORDER BY audit_id""",
    "rating": """SELECT stars, comment, rated_at FROM ratings WHERE job_id = %(job)s""",
}
_PIPELINE = """
    SELECT stage, count(*) AS orders, count(*) FILTER (WHERE hold_reason IS NOT NULL) AS held,
           count(*) FILTER (WHERE promise_at <= now() AND completed_at IS NULL AND failed_at IS NULL) AS late,
           count(*) FILTER (WHERE tries > 0) AS tries,
           extract(epoch FROM now() - min(COALESCE(paid_at, created_at)))::float8 AS oldest_s
    FROM jobs WHERE settled_at IS NULL AND NOT canary GROUP BY stage
"""
_TODAY = """
    SELECT count(*) FILTER (WHERE completed_at > now() - interval '1 hour') AS delivered_hour,
           count(*) AS delivered_day,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM completed_at - paid_at)::float8) AS median_s,
           percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM completed_at - paid_at)::float8) AS p95_s
    FROM jobs WHERE completed_at > now() - interval '1 day' AND NOT canary
"""
_ATTENTION = """
    SELECT a.job_id, a.reason, a.detail, a.opened_at, j.ticket, j.stage, j.promise_at,
           count(*) OVER () AS all_open
    FROM attention a JOIN jobs j USING (job_id) WHERE a.closed_at IS NULL ORDER BY a.attention_id LIMIT %(limit)s
"""
_DECISIONS = """
    SELECT at, actor, verb, job_id, why, detail->>'told' AS told, detail FROM audit
    ORDER BY audit_id DESC LIMIT %(limit)s
"""
_WORKERS = """
    SELECT service, lanes, paused, busy, started_at, seen_at, extract(epoch FROM now() - seen_at)::float8 AS silent_s
    FROM workers WHERE seen_at > now() - interval '30 seconds'
        AND seen_at >= COALESCE((SELECT restored_at FROM installation), '-infinity')
    ORDER BY service, started_at
"""
