"""The census: one poller counts for all, what it shows is what the rows say, and a scrape asks the database nothing."""

import uuid

import pytest
from prometheus_client.registry import CollectorRegistry

from common.figures import Figures
from services.poller.census import COUNT_UNDERWAY, Census
from services.poller.settings import PollerSettings
from tests.integration.runtime.rig import Rig
from tests.unit.builders import settings


class Replica:
    """A census with a registry of its own, as another process would have."""

    def __init__(self, rig: Rig, every_s: float = 10.0) -> None:
        self.registry = CollectorRegistry()
        given = settings(PollerSettings, database_url=rig.database_url, census_s=every_s)
        self.census = Census(rig.database, given, Figures(self.registry))

    def shows(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


@pytest.fixture
def jobs(rig: Rig) -> list[uuid.UUID]:
    """Three paid jobs: one an hour ago and held, one that the provider has, one that sleeps."""
    held, watched, asleep = rig.paid(3, promise_s=7200)
    rig.sql("UPDATE jobs SET paid_at = now() - interval '1 hour', hold_reason = 'x' WHERE job_id = %(j)s", j=held)
    rig.sql("UPDATE jobs SET stage = 'watch', status = 'processing', attempt = 1 WHERE job_id = %(j)s", j=watched)
    rig.sql(
        "UPDATE jobs SET stage = 'remind', status = 'completed', completed_at = now() WHERE job_id = %(j)s", j=asleep
    )
    rig.sql(
        "INSERT INTO attempts (job_id, attempt, state, claimed_until, submitted_at) "
        "VALUES (%(j)s, 1, 'open', now(), now() - interval '100 s')",
        j=watched,
    )
    rig.sql("INSERT INTO attention (job_id, reason) VALUES (%(j)s, 'held')", j=held)
    return [held, watched, asleep]


@pytest.mark.usefixtures("jobs")
def test_what_is_shown_is_what_the_rows_say(rig: Rig) -> None:
    replica = Replica(rig)
    replica.census.tick()
    assert replica.shows("enlarger_jobs", stage="submit", status="pending") == 1
    assert replica.shows("enlarger_jobs", stage="watch", status="processing") == 1
    assert replica.shows("enlarger_jobs", stage="remind", status="completed") == 1
    assert replica.shows("enlarger_jobs", stage="refund", status="failed") == 0
    assert replica.shows("enlarger_jobs_held", stage="submit") == 1
    assert replica.shows("enlarger_paid_orders_unsettled", older_than_minutes="0") == 2
    assert replica.shows("enlarger_paid_orders_unsettled", older_than_minutes="60") == 1
    assert replica.shows("enlarger_paid_orders_unsettled", older_than_minutes="240") == 0
    assert replica.shows("enlarger_attention_open", reason="held") == 1
    assert replica.shows("enlarger_provider_in_flight", state="open") == 1
    assert replica.shows("enlarger_deadline_slack_seconds", deadline="promise") == pytest.approx(7200, abs=60)
    assert replica.shows("enlarger_deadline_slack_seconds", deadline="processing") == pytest.approx(800, abs=60)


@pytest.mark.usefixtures("jobs")
def test_of_two_replicas_one_counts_and_the_other_takes_over(rig: Rig) -> None:
    first, second = Replica(rig), Replica(rig)
    for replica in (first, second, first, second):
        replica.census.tick()
    assert first.shows("enlarger_jobs", stage="watch", status="processing") == 1
    assert list(second.registry.collect()) == []
    rig.sql("UPDATE leases SET held_until = now() - interval '1 s'")  # the first was away for too long
    second.census.tick()
    first.census.tick()
    assert second.shows("enlarger_jobs", stage="watch", status="processing") == 1
    assert list(first.registry.collect()) == []


def test_a_replica_that_stands_still_shows_nothing_once_its_lease_is_over(rig: Rig) -> None:
    replica = Replica(rig, every_s=0.001)
    replica.census.tick()
    assert list(replica.registry.collect()) == []


def test_what_is_underway_is_counted_by_its_stages_and_not_by_reading_all(rig: Rig) -> None:
    with rig.database.transaction() as tx:
        plan = "\n".join(row[0] for row in tx.execute(f"EXPLAIN {COUNT_UNDERWAY}"))
    assert "jobs_listed" in plan
    assert "Index Cond: (stage = ANY" in plan
    assert "Seq Scan" not in plan


def test_the_books_are_shown_by_account(rig: Rig) -> None:
    rig.sql(
        """INSERT INTO ledger (job_id, fact, kind, debit, credit, amount_cents, currency)
           VALUES (gen_random_uuid(), 'charge:1', 'charge', 'stripe', 'sales', 192, 'usd'),
                  (gen_random_uuid(), 'fee:1', 'fee', 'fees', 'stripe', 36, 'usd')"""
    )
    replica = Replica(rig)
    replica.census.tick()
    shown = {a: replica.shows("enlarger_account_cents", account=a, currency="usd") for a in ("stripe", "sales", "fees")}
    assert shown == {"stripe": 156, "sales": -192, "fees": 36}
    assert replica.shows("enlarger_account_cents", account="disputes", currency="usd") == 0


def test_the_month_is_shown_as_the_report_prints_it(rig: Rig) -> None:
    fast, slow, lost, _ = rig.paid(4, promise_s=7200)
    rig.sql("UPDATE jobs SET paid_at = date_trunc('month', now())")
    for job, took in ((fast, "10 s"), (slow, "30 s")):
        rig.sql(
            "UPDATE jobs SET status = 'completed', completed_at = paid_at + %(took)s::interval WHERE job_id = %(job)s",
            job=job, took=took,
        )  # fmt: skip
    rig.sql("UPDATE jobs SET status = 'refunded', failure_reason = 'timeout' WHERE job_id = %(job)s", job=lost)
    rig.sql(
        """INSERT INTO ledger (job_id, fact, kind, debit, credit, amount_cents, currency, at)
           VALUES (gen_random_uuid(), 'charge:1', 'charge', 'stripe', 'sales', 192, 'usd', date_trunc('month', now())),
                  (gen_random_uuid(), 'cost:1', 'provider_cost', 'provider_costs', 'provider', 64, 'usd',
                   date_trunc('month', now())),
                  (gen_random_uuid(), 'fee:0', 'fee', 'fees', 'stripe', 36, 'usd',
                   date_trunc('month', now()) - interval '1 second')"""
    )
    replica = Replica(rig)
    replica.census.tick()

    orders = [replica.shows("enlarger_month_orders", outcome=o) for o in ("delivered", "failed", "under_way")]
    assert orders == [2, 1, 1]
    assert replica.shows("enlarger_month_completion_ratio") == pytest.approx(2 / 3)
    times = [replica.shows("enlarger_month_delivery_seconds", statistic=s) for s in ("average", "p95")]
    assert times == pytest.approx([20, 29])
    errors = [replica.shows("enlarger_month_error_ratio", reason=r) for r in ("timeout", "promise", "other")]
    assert errors == [0.25, 0, 0]
    money = {w: replica.shows("enlarger_month_cents", currency="usd", what=w) for w in ("revenue", "cost", "margin")}
    assert money == {"revenue": 192, "cost": 64, "margin": 128}
    assert replica.shows("enlarger_month_cents", currency="usd", what="fees") == 0
