"""The budget: counted from attempts, warned of once, and with a hard stop a hold that ends by itself."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from common import attempts, budget, holds, jobs
from common.attempts import AttemptState, Claim, Record
from common.budget import BudgetSettings, Cap, Period
from common.events import PaymentCompleted
from common.lane import Question, Work
from common.outcomes import Move, Outcome
from services.poller.places import Places
from services.poller.settings import PollerSettings
from services.submitter.handler import Submit
from services.submitter.settings import SubmitterSettings
from tests.integration.runtime.rig import Rig
from tests.unit import builders

PRICE = 16  # credits of an order of the rig
SEEN = """INSERT INTO sources (job_id, claimed_until, reference_key, looked_at, width, height, orientation, media_type)
          SELECT job_id, now(), job_id::text, now(), source_width, source_height, 1, 'image/jpeg' FROM jobs
          ON CONFLICT (job_id) DO NOTHING"""
FREE = {"upsampler_submits_per_min": 10**9, "budget_hard_stop": True}


def lane(desk: Rig, **caps: Any) -> Submit:
    return Submit(builders.settings(SubmitterSettings, **(FREE | caps)), desk.plans)


def look(desk: Rig, **caps: Any) -> None:
    """What the clock does beside its due rows."""
    Places(desk.database, desk.plans, builders.settings(PollerSettings, **(FREE | caps))).look()


def deliver(desk: Rig, submit: Submit, ids: Sequence[UUID]) -> list[UUID]:
    """The events of these jobs as the runtime hands them over; the jobs that are submitted."""
    desk.sql(SEEN)
    with desk.database.transaction() as tx:
        known = jobs.lock(tx, ids)
        work = [Work(PaymentCompleted(job_id=job), known[job]) for job in ids if not known[job].held]
        steps: Sequence[Question | Outcome] = submit.begin(tx, work) if work else []
        moves = [(w.job, step) for w, step in zip(work, steps, strict=True) if isinstance(step, Move)]
        jobs.apply(tx, desk.plans, "tests", moves)
    return [w.job.job_id for w, step in zip(work, steps, strict=True) if isinstance(step, Question)]


def spend(desk: Rig, state: AttemptState, credit_count: int | None, at: str = "now()") -> UUID:
    """An order that was submitted at `at`, and what the provider said that it costs."""
    job = desk.paid()[0]
    with desk.database.transaction() as tx:
        attempts.claim(tx, [Claim(job, 1, 1)], 60)
        if state is not AttemptState.WAITING:
            attempts.record(tx, [Record(job, 1, AttemptState.OPEN, ended=False, provider_id=f"up_{job}")], 60)
        ended = state in {AttemptState.SUCCEEDED, AttemptState.FAILED}
        attempts.record(tx, [Record(job, 1, state, ended, credits=credit_count)], 60)
    desk.sql(f"UPDATE attempts SET submitted_at = {at} WHERE job_id = %(job)s AND submitted_at IS NOT NULL", job=job)
    return job


def spent(desk: Rig) -> tuple[int, int]:
    with desk.database.transaction() as tx:
        now = budget.usage(tx)
    return now.day, now.month


def test_spent_is_what_the_provider_charged_else_the_estimate_of_every_attempt(desk: Rig) -> None:
    spend(desk, AttemptState.SUCCEEDED, 20)
    spend(desk, AttemptState.FAILED, 5)
    spend(desk, AttemptState.OPEN, None)
    spend(desk, AttemptState.UNKNOWN, None)
    spend(desk, AttemptState.WAITING, None)
    spend(desk, AttemptState.SUCCEEDED, 0)

    assert spent(desk) == (25 + 2 * PRICE, 25 + 2 * PRICE)


def test_days_and_months_are_those_of_utc(desk: Rig) -> None:
    spend(desk, AttemptState.SUCCEEDED, 3, "date_trunc('month', now())")
    spend(desk, AttemptState.SUCCEEDED, 5, "date_trunc('month', now()) - interval '1 second'")
    spend(desk, AttemptState.SUCCEEDED, 7, "date_trunc('day', now())")

    day, month = spent(desk)

    assert day in {7, 10}
    assert month == 10


def test_a_hard_stop_holds_what_is_beyond_it_and_counts_what_is_under_way(desk: Rig) -> None:
    ids = desk.paid(4)

    going = deliver(desk, lane(desk, budget_daily_credits=2 * PRICE + 1), ids)

    assert len(going) == 2
    assert desk.sql("SELECT count(*), min(hold_reason) FROM jobs WHERE hold_reason IS NOT NULL") == [(2, budget.HOLD)]
    assert desk.sql("SELECT count(*) FROM attention WHERE reason = 'budget' AND closed_at IS NULL") == [(2,)]


def test_without_a_hard_stop_a_budget_only_warns(desk: Rig) -> None:
    assert len(deliver(desk, lane(desk, budget_daily_credits=1, budget_hard_stop=False), desk.paid(3))) == 3


def test_two_batches_together_stay_within_the_budget(desk: Rig) -> None:
    submit = lane(desk, budget_monthly_cents=3 * PRICE * 4)
    assert len(deliver(desk, submit, desk.paid(2))) == 2
    assert len(deliver(desk, submit, desk.paid(2))) == 1


def test_the_next_period_releases_the_oldest_first_as_far_as_it_goes(desk: Rig) -> None:
    caps = {"budget_daily_credits": 2 * PRICE}
    submit = lane(desk, **caps)
    deliver(desk, submit, desk.paid(2))
    later, sooner = desk.paid(3, promise_s=9000), desk.paid(1, promise_s=5000)
    assert deliver(desk, submit, [*later, *sooner]) == []
    look(desk, **caps)
    assert desk.sql("SELECT count(*) FROM jobs WHERE hold_reason IS NOT NULL") == [(4,)]

    desk.sql("UPDATE attempts SET submitted_at = now() - interval '40 days', state = 'open'")
    look(desk, **caps)

    free = [job for (job,) in desk.sql("SELECT job_id FROM jobs WHERE hold_reason IS NULL AND wake_at <= now()")]
    assert len(free) == 2
    assert sooner[0] in free
    assert set(deliver(desk, submit, free)) == set(free)


def test_a_raised_budget_releases_everything(desk: Rig) -> None:
    deliver(desk, lane(desk, budget_daily_credits=1), desk.paid(3))

    look(desk, budget_hard_stop=False)

    assert desk.sql("SELECT count(*) FROM jobs WHERE hold_reason IS NOT NULL") == [(0,)]
    assert desk.sql("SELECT count(*) FROM attention WHERE closed_at IS NULL") == [(0,)]


def test_what_a_person_releases_goes_beyond_the_budget(desk: Rig) -> None:
    submit, ids = lane(desk, budget_daily_credits=1), desk.paid(2)
    deliver(desk, submit, ids)
    with desk.database.transaction() as tx:
        holds.release_oldest(tx, desk.plans, "kim", budget.HOLD, 1)

    assert len(deliver(desk, submit, ids)) == 1


def test_a_held_order_is_refunded_when_its_promise_ends(desk: Rig) -> None:
    [job] = desk.paid(1, promise_s=3600)
    deliver(desk, lane(desk, budget_daily_credits=1), [job])

    [(wake_is_promise,)] = desk.sql("SELECT wake_at = promise_at FROM jobs")

    assert wake_is_promise


def test_each_threshold_is_told_once_for_its_period(desk: Rig) -> None:
    caps = {"budget_monthly_credits": 100, "budget_hard_stop": False}
    spend(desk, AttemptState.SUCCEEDED, 49)
    look(desk, **caps)
    assert desk.sql("SELECT count(*) FROM mails") == [(0,)]
    spend(desk, AttemptState.SUCCEEDED, 31)
    look(desk, **caps)
    look(desk, **caps)

    told = [row[0] for row in desk.sql("SELECT about FROM mails WHERE kind = 'notice' ORDER BY mail_id")]

    [(month,)] = desk.sql("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')")
    assert told == [f"budget:{month}:credits:50", f"budget:{month}:credits:80"]


def test_the_forecast_names_the_day_on_which_the_budget_ends(desk: Rig) -> None:
    with desk.database.transaction() as tx:
        now = budget.usage(tx)
    cap = Cap(Period.MONTH, "credits", 100, 1)
    assert budget.ends_at(cap, now) is None
    half = budget.Usage(
        now.month_began + (now.month_ends - now.month_began) / 4, 0, 50, now.day_began, now.month_began,
        now.day_ends, now.month_ends,
    )  # fmt: skip
    ends = budget.ends_at(cap, half)
    assert ends is not None
    assert abs(ends - (now.month_began + (now.month_ends - now.month_began) / 2)).total_seconds() < 1
    assert budget.ends_at(Cap(Period.MONTH, "credits", 1000, 1), half) is None


@pytest.mark.parametrize("spent_credits", [0, 1, 7, 24, 25, 26])
def test_a_budget_in_cents_is_never_exceeded_by_a_part_of_a_credit(spent_credits: int) -> None:
    cap = Cap(Period.DAY, "cents", 103, 4)
    left = cap.credits_left(spent_credits)
    assert (spent_credits + left) * 4 <= 103 or left == 0
    assert (spent_credits + left + 1) * 4 > 103


def test_the_settings_say_which_budgets_there_are() -> None:
    told = BudgetSettings(_env_file=None, budget_monthly_cents=500, budget_daily_credits=9)
    assert told.caps == (Cap(Period.MONTH, "cents", 500, 4), Cap(Period.DAY, "credits", 9, 1))
    assert told.hard_caps == ()
