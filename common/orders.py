"""What is sold: an order enters the job's life unpaid, with its first wake-up and its history (design section 4)."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from uuid import UUID

from common.database import Transaction
from common.stages import Plan, Stage

BY_TICKET = "(SELECT job_id FROM order_keys WHERE ticket = %(ticket)s)"  # in a statement: the order's id


@dataclass(frozen=True, slots=True)
class Order:
    """What a new job is: what was sold, at which frozen price (cents), and where the customer goes afterwards.

    `canary`: it is our own, to see that all runs.
    """

    job_id: UUID
    ticket: str
    source_kind: str
    source_url: str
    source_width: int
    source_height: int
    factor: int
    amount_cents: int
    currency: str
    credits: int
    cost_cents: int
    markup_percent: Decimal
    return_url: str
    email: str | None = None
    upload_id: str | None = None
    attachment_id: int | None = None
    post_id: int | None = None
    traceparent: str | None = None
    locale: str = "en"
    canary: bool = False


def create(tx: Transaction, plans: Mapping[Stage, Plan], actor: str, order: Order) -> None:
    """Insert an unpaid job, with its first wake-up and its history."""
    tx.execute(
        """WITH created AS (
               INSERT INTO jobs (job_id, ticket, status, stage, wake_at, source_kind, source_url, source_width,
                   source_height, factor, amount_cents, currency, credits, cost_cents, markup_percent, return_url,
                   email, upload_id, attachment_id, post_id, traceparent, locale, canary)
               VALUES (%(job_id)s, %(ticket)s, 'awaiting_payment', 'checkout',
                   now() + make_interval(secs => %(wake_s)s), %(source_kind)s, %(source_url)s, %(source_width)s,
                   %(source_height)s, %(factor)s, %(amount_cents)s, %(currency)s, %(credits)s, %(cost_cents)s,
                   %(markup_percent)s, %(return_url)s, %(email)s, %(upload_id)s, %(attachment_id)s, %(post_id)s,
                   %(traceparent)s, %(locale)s, %(canary)s)
               RETURNING job_id, stage, factor, amount_cents, currency
           )
           INSERT INTO job_events (job_id, actor, kind, to_stage, detail)
           SELECT job_id, %(actor)s, 'ordered', stage,
                  jsonb_build_object('factor', factor, 'amount_cents', amount_cents, 'currency', currency)
           FROM created""",
        asdict(order) | {"actor": actor, "wake_s": plans[Stage.CHECKOUT].first_s},
    )


def record_session(tx: Transaction, actor: str, job_id: UUID, session_id: str, checkout_url: str | None) -> None:
    """Note the payment page that belongs to the job; its stage, and what a webhook did meanwhile, stay."""
    tx.execute(
        """WITH opened AS (
               UPDATE jobs SET session_id = %(session)s, checkout_url = %(url)s, version = version + 1
               WHERE job_id = %(job)s AND session_id IS NULL
               RETURNING job_id, stage
           )
           INSERT INTO job_events (job_id, actor, kind, from_stage, to_stage, detail)
           SELECT job_id, %(actor)s, 'checkout_opened', stage, stage,
                  jsonb_build_object('session_id', %(session)s::text)
           FROM opened""",
        {"job": job_id, "session": session_id, "url": checkout_url, "actor": actor},
    )


def new_ticket() -> str:
    """The customer's secret id of an order (design section 4): 128 bits that nobody can guess."""
    return f"tk_{secrets.token_hex(16)}"


def renew_ticket(tx: Transaction, job_id: UUID) -> str:
    """Another ticket for a (locked) order whose old one may be known to a stranger; the order's page moves there."""
    ticket = new_ticket()
    tx.execute("UPDATE jobs SET ticket = %(ticket)s WHERE job_id = %(job)s", {"ticket": ticket, "job": job_id})
    return ticket


def forget(tx: Transaction, job_ids: Sequence[UUID]) -> None:
    """Whom these (locked, settled) orders were for is erased; what was sold, and for how much, stays."""
    tx.execute(
        """UPDATE jobs SET email = NULL, return_url = NULL, checkout_url = NULL, forgotten_at = now(),
               version = version + 1,
               source_url = CASE WHEN source_kind = 'url' THEN 'forgotten' ELSE source_url END,
               failure_detail = CASE WHEN failure_detail NOT LIKE '%%@%%' THEN failure_detail END,
               hold_reason = CASE WHEN hold_reason LIKE '%%@%%' THEN 'forgotten' ELSE hold_reason END
           WHERE job_id = ANY(%(ids)s)""",
        {"ids": list(job_ids)},
    )


def forget_later(tx: Transaction, job_ids: Sequence[UUID]) -> None:
    """These orders are forgotten as soon as they are settled."""
    tx.execute(
        "UPDATE jobs SET forget_asked_at = COALESCE(forget_asked_at, now()) WHERE job_id = ANY(%(ids)s)",
        {"ids": list(job_ids)},
    )
