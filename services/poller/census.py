"""The census: counts jobs in the database for the dashboards, one poller for all (design section 6).

Who holds the lease `census` counts and shows; every other replica shows nothing, so that sums do not double. What is
underway is counted every few seconds through an index that holds nothing else; what sleeps or is settled, and the
books, are counted whole, but so seldom that it takes no more than a hundredth of the database's time. A scrape reads
memory only.
"""

import secrets
import socket
import threading
import time
from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from itertools import product

import structlog

from common import brake, breaker, budget, capacity
from common.budget import Cap, Period
from common.database import PASSING, Database, DatabaseAwayError, Transaction
from common.figures import Figure, Figures, Rows
from common.ledger import Account
from common.stages import HOUR_S, Stage, Status
from services.poller import canaries, month
from services.poller import metrics as m
from services.poller.settings import PollerSettings

UNDERWAY = ("checkout", "submit", "watch", "fetch", "refund", "announce")
AT_REST = ("remind", "keep", "settled")
AGES_MIN = (0, 15, 60, 240, 1440)
BREAKER_LEVELS = {"closed": 0.0, "half_open": 1.0, "open": 2.0}
LEASE_INTERVALS = 3  # a holder that missed so many is taken for gone
WHOLE_COUNT_SHARE = 0.01
FAILED_WAIT_S = 600.0
REASONS = (
    "held", "no_progress", "payment_mismatch", "paid_twice", "provider_refuses_us", "refund_failed", "mail_rejected",
    "mail_stuck", "no_address", "result_barred", "disputed", "refund_brake", "budget", "restored",
)  # fmt: skip

TAKE = """
INSERT INTO leases (name, holder, held_until) VALUES ('census', %(me)s, now() + make_interval(secs => %(lease)s))
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
WHERE leases.holder = excluded.holder OR leases.held_until < now() RETURNING 1
"""
COUNT_UNDERWAY = f"""
SELECT stage, status, count(*), count(*) FILTER (WHERE hold_reason IS NOT NULL),
       extract(epoch FROM now() - min(stage_since) FILTER (WHERE hold_reason IS NULL))::float8,
       extract(epoch FROM min(promise_at) FILTER (WHERE completed_at IS NULL AND failed_at IS NULL) - now())::float8,
       {", ".join(f"count(*) FILTER (WHERE paid_at <= now() - interval '{age} min')" for age in AGES_MIN)}
FROM jobs WHERE stage IN ('checkout', 'submit', 'watch', 'fetch', 'refund', 'announce') AND NOT canary
GROUP BY stage, status
"""
COUNT_AT_REST = """
SELECT stage, status, count(*) FROM jobs WHERE stage IN ('remind', 'keep', 'settled') AND NOT canary
GROUP BY stage, status
"""
BALANCES = """
SELECT account, currency, sum(cents)::float8 FROM (
    SELECT debit AS account, currency, sum(amount_cents) AS cents FROM ledger GROUP BY 1, 2 UNION ALL
    SELECT credit, currency, -sum(amount_cents) FROM ledger GROUP BY 1, 2) sides GROUP BY 1, 2
"""
CREDITS = "SELECT sum(credits)::float8 FROM attempts WHERE credits IS NOT NULL"
IN_FLIGHT = """
SELECT state, count(*), extract(epoch FROM now() - min(submitted_at))::float8 FROM attempts
WHERE ended_at IS NULL AND state IN ('claimed', 'open', 'unknown') GROUP BY state
"""
RESULT_LEFT = """
SELECT extract(epoch FROM min(a.result_until) - now())::float8
FROM jobs j JOIN attempts a ON a.job_id = j.job_id AND a.attempt = j.attempt WHERE j.stage = 'fetch'
"""
HELD = "SELECT hold_reason, count(*) FROM jobs WHERE hold_reason IS NOT NULL GROUP BY 1"
ATTENTION = "SELECT reason, count(*) FROM attention WHERE closed_at IS NULL GROUP BY reason"
BEHIND = "SELECT extract(epoch FROM now() - min(wake_at))::float8 FROM jobs WHERE settled_at IS NULL"

log = structlog.get_logger()
Told = dict[Figure, Rows]


class Census:
    """Runs until stopped."""

    name = "census"

    def __init__(self, database: Database, settings: PollerSettings, figures: Figures) -> None:
        self._database = database
        self._settings = settings
        self._me = f"{socket.gethostname()}:{secrets.token_hex(4)}"
        self._lease_s = settings.census_s * LEASE_INTERVALS
        self._figures = figures
        self._whole_count_at = 0.0

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self.tick()
            except (DatabaseAwayError, *PASSING) as error:
                log.warning("census.stumbled", error=str(error).strip())
            stop.wait(self._settings.census_s)
        self._release()

    def tick(self) -> None:
        """Count, if it is ours to count; what was told before is forgotten where it is not."""
        began = time.monotonic()
        with self._database.transaction() as tx:
            ours = tx.execute(TAKE, {"me": self._me, "lease": self._lease_s}).fetchone()
        if not ours:
            self._figures.forget()
            self._whole_count_at = 0.0
            return
        until = began + self._lease_s
        with self._database.transaction() as tx:
            self._figures.tell(self._underway(tx), until)
        if time.monotonic() >= self._whole_count_at:
            with self._database.transaction() as tx:
                self._figures.tell(self._at_rest(tx), until)

    def _underway(self, tx: Transaction) -> Told:
        began = time.monotonic()
        jobs: Tally[tuple[str, ...]] = Tally(dict.fromkeys(_pairs(UNDERWAY), 0))
        held, oldest = dict.fromkeys(_singles(UNDERWAY), 0.0), dict.fromkeys(_singles(UNDERWAY), 0.0)
        paid = [0] * len(AGES_MIN)
        promise_s = self._settings.delivery_promise_hours * HOUR_S
        for stage, status, count, on_hold, oldest_s, left_s, *ages in tx.execute(COUNT_UNDERWAY):
            jobs[stage, status] = count
            held[stage,] += on_hold
            oldest[stage,] = max(oldest[stage,], oldest_s or 0.0)
            paid = [so_far + n for so_far, n in zip(paid, ages, strict=True)]
            promise_s = min(promise_s, left_s if left_s is not None else promise_s)
        told: Told = {
            m.HELD: held,
            m.OLDEST: oldest,
            m.UNSETTLED: {(str(age),): float(n) for age, n in zip(AGES_MIN, paid, strict=True)},
            m.ATTENTION: dict.fromkeys(_singles(REASONS), 0.0) | {(reason,): n for reason, n in tx.execute(ATTENTION)},
            m.CLOCK_BEHIND: {(): max(_number(tx, BEHIND), 0.0)},
            **self._at_the_provider(tx, promise_s),
            **_shared(tx, self._settings.caps),
            **canaries.told(tx, self._settings.canary_every_min * 60),
        }
        return told | self._jobs(jobs, "underway", began)

    def _at_the_provider(self, tx: Transaction, promise_s: float) -> Told:
        in_flight, processing_s = dict.fromkeys(_singles(("claimed", "open", "unknown")), 0.0), 0.0
        for state, count, oldest_s in tx.execute(IN_FLIGHT):
            in_flight[state,] = count
            processing_s = max(processing_s, oldest_s or 0.0)
        slack: Rows = {
            ("promise",): promise_s,
            ("processing",): self._settings.processing_timeout_s - processing_s,
            ("result",): _number(tx, RESULT_LEFT, self._settings.result_life_s),
        }
        return {m.IN_FLIGHT: in_flight, m.DEADLINE_SLACK: slack}

    def _at_rest(self, tx: Transaction) -> Told:
        began = time.monotonic()
        self._whole_count_at = began + FAILED_WAIT_S  # should it take too long, it is not asked for at once again
        # whole means all of it, in the order in which it lies there, and by one process
        tx.execute("SET LOCAL enable_seqscan = on")
        tx.execute("SET LOCAL max_parallel_workers_per_gather = 0")
        jobs: Tally[tuple[str, ...]] = Tally(dict.fromkeys(_pairs(AT_REST), 0))
        jobs.update({(stage, status): count for stage, status, count in tx.execute(COUNT_AT_REST)})
        told: Told = {m.BOOKS: _balances(tx), m.CREDITS: {(): _number(tx, CREDITS)}, **month.told(tx)}
        told |= self._jobs(jobs, "at_rest", began)
        took_s = time.monotonic() - began
        self._whole_count_at = time.monotonic() + took_s / WHOLE_COUNT_SHARE
        return told

    def _jobs(self, jobs: Mapping[tuple[str, ...], float], count: str, began: float) -> Told:
        """The two counts are parts of the same figures: each keeps what the other told."""
        m.CENSUS_SECONDS.labels(count).set(time.monotonic() - began)
        return {
            m.JOBS: {**self._figures.rows(m.JOBS), **jobs},
            m.CENSUS_AT: {**self._figures.rows(m.CENSUS_AT), (count,): time.time()},
        }

    def _release(self) -> None:
        """The next one need not wait until our lease is over."""
        self._figures.forget()
        try:
            with self._database.transaction() as tx:
                tx.execute("UPDATE leases SET held_until = now() WHERE name = 'census' AND holder = %s", [self._me])
        except (DatabaseAwayError, *PASSING):
            log.warning("census.not_released")


def _balances(tx: Transaction) -> Rows:
    """By account and currency; an account that nothing was booked on stands at 0."""
    found: dict[tuple[str, ...], float] = {(row[0], row[1]): row[2] for row in tx.execute(BALANCES)}
    return dict.fromkeys(product(Account, {currency for _, currency in found}), 0.0) | found


def _shared(tx: Transaction, caps: Sequence[Cap]) -> Told:
    """What all orders share: places at the provider, the breaker, the brakes, the budgets."""
    held = dict.fromkeys(_singles((brake.HOLD, budget.HOLD)), 0.0)
    told: Told = {
        m.WAITING: {(): capacity.load(tx).waiting},
        m.BREAKER: {(breaker.NAME,): BREAKER_LEVELS[breaker.read(tx).state]},
        m.HELD_BY_RULE: held | {(reason,): n for reason, n in tx.execute(HELD) if (reason,) in held},
    }
    return told | _budgets(tx, caps) if caps else told


def _budgets(tx: Transaction, caps: Sequence[Cap]) -> Told:
    now = budget.usage(tx)
    ends = [(cap, budget.ends_at(cap, now) or now.month_ends) for cap in caps if cap.period is Period.MONTH]
    return {
        m.BUDGET_SPENT: {(cap.period.value, cap.unit): now.spent(cap.period) * cap.per_credit for cap in caps},
        m.BUDGET_LIMIT: {(cap.period.value, cap.unit): cap.limit for cap in caps},
        m.BUDGET_LASTS: {(cap.unit,): (end - now.now).total_seconds() for cap, end in ends},
    }


def _number(tx: Transaction, query: str, otherwise: float = 0.0) -> float:
    row = tx.execute(query).fetchone()
    return float(row[0]) if row and row[0] is not None else otherwise


def _singles(words: Sequence[str]) -> list[tuple[str, ...]]:
    return [(word,) for word in words]


def _pairs(stages: Sequence[str]) -> list[tuple[str, ...]]:
    return [(stage, status.value) for stage in stages for status in Status]


assert {*UNDERWAY, *AT_REST} == {stage.value for stage in Stage}  # noqa: S101 - a new stage belongs to one of them
