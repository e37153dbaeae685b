"""What the provider may cost in a day and in a month (UTC, by the database's clock), and what of it is spent.

Spent is counted from attempts: what the provider charged, else what was estimated; failed, repeated and wasted ones
too. A submission that is under way counts with its estimate. All is counted in whole credits, or in cents of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import Field
from pydantic_settings import BaseSettings

from common import holds, notices
from common.attention import raise_attention
from common.database import Transaction, keys
from common.holds import REVIEW_S
from common.jobs import Job
from common.outcomes import Move
from common.settings import RULES
from common.stages import Plan, Stage

HOLD = "budget"
THRESHOLDS = (50, 80, 100)  # percent
RELEASED_AT_ONCE = 20


class Period(StrEnum):
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `limit` `unit`s in each `period`. `per_credit`: units that one credit is."""

    period: Period
    unit: str
    limit: int
    per_credit: int

    def credits_left(self, spent: int) -> int:
        """How many more credits may be spent when `spent` of them are."""
        return max((self.limit - spent * self.per_credit) // self.per_credit, 0)

    def reached(self, spent: int) -> tuple[int, ...]:
        """The thresholds, in percent, that `spent` credits have reached."""
        return tuple(percent for percent in THRESHOLDS if spent * self.per_credit * 100 >= self.limit * percent)


@dataclass(frozen=True, slots=True)
class Usage:
    """Credits spent since midnight and since the first of the month, and when these periods began and end."""

    now: datetime
    day: int
    month: int
    day_began: datetime
    month_began: datetime
    day_ends: datetime
    month_ends: datetime

    def spent(self, period: Period) -> int:
        return self.day if period is Period.DAY else self.month

    def ends(self, period: Period) -> datetime:
        return self.day_ends if period is Period.DAY else self.month_ends

    def name(self, period: Period) -> str:
        """The period's own name: 2026-11-22 or 2026-11."""
        return f"{self.day_began:%Y-%m-%d}" if period is Period.DAY else f"{self.month_began:%Y-%m}"


class BudgetSettings(BaseSettings):
    """`BUDGET_…`: what the provider may cost; empty knows no limit."""

    model_config = RULES

    budget_monthly_cents: int | None = Field(default=None, ge=1)
    budget_daily_cents: int | None = Field(default=None, ge=1)
    budget_monthly_credits: int | None = Field(default=None, ge=1)
    budget_daily_credits: int | None = Field(default=None, ge=1)
    budget_hard_stop: bool = Field(
        default=False, description="beyond a budget, paid orders are held until released or the next period"
    )
    cents_per_credit: int = Field(default=4, ge=0, description="what the provider asks for one credit")

    @property
    def caps(self) -> tuple[Cap, ...]:
        """The budgets that there are."""
        cents = self.cents_per_credit
        found = (
            (Period.MONTH, "cents", self.budget_monthly_cents, cents),
            (Period.DAY, "cents", self.budget_daily_cents, cents),
            (Period.MONTH, "credits", self.budget_monthly_credits, 1),
            (Period.DAY, "credits", self.budget_daily_credits, 1),
        )
        return tuple(Cap(period, unit, limit, per) for period, unit, limit, per in found if limit is not None and per)

    @property
    def hard_caps(self) -> tuple[Cap, ...]:
        """Those that hold orders."""
        return self.caps if self.budget_hard_stop else ()


def usage(tx: Transaction) -> Usage:
    """What is spent of this day and of this month."""
    row = tx.execute(
        """WITH period AS (SELECT date_trunc('day', now()) AS day, date_trunc('month', now()) AS month),
           spent AS (
               SELECT a.submitted_at AS at, COALESCE(a.credits, j.credits) AS credits
               FROM attempts a JOIN jobs j USING (job_id)
               WHERE a.submitted_at >= (SELECT month FROM period) AND a.credits IS DISTINCT FROM 0
               UNION ALL
               SELECT now(), j.credits FROM attempts a JOIN jobs j USING (job_id)
               WHERE a.ended_at IS NULL AND a.state = 'claimed' AND a.submitted_at IS NULL)
           SELECT now(), COALESCE(sum(credits) FILTER (WHERE at >= (SELECT day FROM period)), 0)::bigint,
               COALESCE(sum(credits), 0)::bigint, (SELECT day FROM period), (SELECT month FROM period),
               (SELECT day + interval '1 day' FROM period), (SELECT month + interval '1 month' FROM period)
           FROM spent"""
    ).fetchone()
    if row is None:
        raise LookupError("an aggregate without GROUP BY always has a row")
    return Usage(*row)


def affordable(tx: Transaction, caps: Sequence[Cap], wanted: Sequence[Job]) -> set[UUID]:
    """Those of these (locked) jobs that may be submitted now, in their order; the others are noted as held.

    A job that a person has released goes until the period ends. Callers stand under the capacity's lock.
    """
    now = usage(tx)
    left, until = min((cap.credits_left(now.spent(cap.period)), now.ends(cap.period)) for cap in caps)
    passed = _passed(tx, [job.job_id for job in wanted])
    for job in wanted:
        if job.job_id not in passed and job.credits <= left:
            passed.add(job.job_id)
            left -= job.credits
    _note(tx, [job.job_id for job in wanted if job.job_id not in passed], until)
    return passed


def held() -> Move:
    """What becomes of an order beyond the budget. Its review comes a day later: one mail speaks for all of them."""
    return Move(Stage.SUBMIT, "budget_hold", hold=HOLD, wake_s=REVIEW_S)


def release_affordable(tx: Transaction, plans: Mapping[Stage, Plan], caps: Sequence[Cap], actor: str) -> list[UUID]:
    """Let go, oldest promise first, what the budget held and has room for now: a new period, or a raised budget."""
    rows = tx.execute(
        "SELECT job_id, credits FROM jobs WHERE hold_reason = %(hold)s ORDER BY promise_at LIMIT %(most)s",
        {"hold": HOLD, "most": RELEASED_AT_ONCE},
    ).fetchall()
    if not rows:
        return []
    now = usage(tx)
    left = min((cap.credits_left(now.spent(cap.period)) for cap in caps), default=None)
    chosen: list[UUID] = []
    for job_id, credit_count in rows:
        if left is not None and credit_count > left:
            break
        left = None if left is None else left - credit_count
        chosen.append(job_id)
    tx.execute("DELETE FROM passes WHERE gate = 'budget' AND job_id = ANY(%(ids)s::uuid[])", {"ids": keys(chosen)})
    return holds.release(tx, plans, actor, HOLD, chosen)


def warn(tx: Transaction, caps: Sequence[Cap], now: Usage) -> None:
    """One notice for each budget, period and threshold reached."""
    for cap in caps:
        for percent in cap.reached(now.spent(cap.period)):
            about = f"budget:{now.name(cap.period)}:{cap.unit}:{percent}"
            notices.tell(tx, about, *_words(cap, now, percent))


def ends_at(cap: Cap, now: Usage) -> datetime | None:
    """When a month's budget ends if it goes on as it did so far this month; None if it lasts."""
    spent = now.month * cap.per_credit
    if cap.period is not Period.MONTH or not spent:
        return None
    ends = now.month_began + (now.now - now.month_began) * cap.limit // spent
    return max(ends, now.now) if ends < now.month_ends else None


def _words(cap: Cap, now: Usage, percent: int) -> tuple[str, str]:
    """Subject and text of a warning."""
    spent = now.spent(cap.period) * cap.per_credit
    subject = f"{percent} % of this {cap.period}'s budget is spent"
    last = ends_at(cap, now)
    lasting = last is None or percent == THRESHOLDS[-1]
    forecast = "" if lasting else f"\n\nAs it went so far, the budget ends on {last:%Y-%m-%d}."
    return subject, (
        f"{spent} of {cap.limit} {cap.unit} are spent on enlargements in {now.name(cap.period)} "
        f"(BUDGET_{'MONTHLY' if cap.period is Period.MONTH else 'DAILY'}_{cap.unit.upper()}).{forecast}\n\n"
        "With BUDGET_HARD_STOP, paid orders beyond the budget are held until you release them or the next period "
        "begins, and refunded when their promise ends; without it, this is for your information."
    )


def _passed(tx: Transaction, wanted: Sequence[UUID]) -> set[UUID]:
    rows = tx.execute(
        """SELECT job_id FROM passes WHERE gate = 'budget' AND until > now() AND job_id = ANY(%(ids)s::uuid[])""",
        {"ids": keys(wanted)},
    )
    return {row[0] for row in rows}


def _note(tx: Transaction, kept: Sequence[UUID], until: datetime) -> None:
    if kept:
        tx.execute(
            """INSERT INTO passes (gate, job_id, held, until) SELECT 'budget', unnest(%(ids)s::uuid[]), true, %(until)s
               ON CONFLICT (gate, job_id) DO UPDATE SET at = now(), until = excluded.until""",
            {"ids": keys(kept), "until": until},
        )
        raise_attention(tx, [(job, HOLD, f"beyond the budget until {until:%Y-%m-%d %H:%M} UTC") for job in kept])
