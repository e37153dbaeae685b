"""The metrics that every worker has. Services add their own in their `metrics.py`; labels are bounded.

docs/metrics.md is made from these definitions.
"""

import platform
import time
from bisect import bisect_left
from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import product

from prometheus_client import Counter, Gauge, Histogram

from common.events import EVENTS
from common.jobs import Job
from common.lane import Settled
from common.outcomes import Move, Nothing, Outcome, Refuse, Wait
from common.stages import Stage, Status

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
LONG_S = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600, 6 * 3600, 24 * 3600)
SLACK_S = (0, 600, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 18 * 3600, 21 * 3600, 22 * 3600, 23 * 3600, 24 * 3600)
OUTCOMES = ("moved", "waited", "retried", "nothing", "dead_letter")


def from_zero(counter: Counter, *labels: Sequence[str]) -> Counter:
    """Let the counter stand at 0 for every combination of these values: its first increase is seen as one."""
    for values in product(*labels):
        counter.labels(*values)
    return counter


CONSUMED = Counter("enlarger_events_consumed", "Deliveries settled, by what was decided.", ["lane", "event", "outcome"])
PUBLISHED = Counter("enlarger_events_published", "Events handed to the broker.", ["lane", "event"])
REDELIVERED = Counter("enlarger_redeliveries", "Deliveries that the broker had delivered before.", ["lane", "event"])
RETURNED = from_zero(Counter("enlarger_messages_returned", "Publishes that found no queue.", ["event"]), tuple(EVENTS))
HANDLED = Histogram(
    "enlarger_handler_seconds",
    "Seconds from taking a delivery to its commit.",
    ["lane", "event"],
    buckets=SECONDS,
)
IN_PROGRESS = Gauge("enlarger_lane_in_progress", "Deliveries that were taken and are not settled yet.", ["lane"])
LAST = Gauge(
    "enlarger_last_processed_timestamp_seconds", "When a delivery was last settled (Unix time).", ["lane", "event"]
)
MOVES = Counter("enlarger_stage_moves", "Jobs that left a stage, by the stage that they went to.", ["stage", "to"])
STAGE_SECONDS = Histogram(
    "enlarger_stage_seconds", "Seconds that a job spent in the stage that it left.", ["stage"], buckets=LONG_S
)
DELIVERY_SECONDS = Histogram(
    "enlarger_order_to_delivery_seconds", "Seconds from payment until the picture was ready.", buckets=LONG_S
)
REFUND_SECONDS = Histogram(
    "enlarger_order_to_refund_seconds", "Seconds from payment until the refund succeeded.", buckets=LONG_S
)
SLACK = Histogram(
    "enlarger_promise_slack_seconds", "Seconds left of the promise when an order was delivered.", buckets=SLACK_S
)
REFUNDED_CENTS = Counter("enlarger_refunded_cents", "Cents given back, by us or by others at Stripe, as booked.")
BUILD = Gauge("enlarger_build_info", "1, with what runs.", ["worker", "version", "python"])

_consumed, _published, _handled = cache(CONSUMED.labels), cache(PUBLISHED.labels), cache(HANDLED.labels)
_last, _moves, _stage_seconds = cache(LAST.labels), cache(MOVES.labels), cache(STAGE_SECONDS.labels)


def observe_all(histogram: Histogram, values: Sequence[float]) -> None:
    """Observe what came together: one by one each takes two locks and a walk along the buckets."""
    bounds, buckets = histogram._upper_bounds, histogram._buckets  # noqa: SLF001 - the library observes singly
    for place, count in Tally([bisect_left(bounds, value) for value in values]).items():
        buckets[place].inc(count)
    histogram._sum.inc(sum(values))  # noqa: SLF001 - as above


class Metrics:
    """What the runtime reports."""

    def started(self, service: str) -> None:
        BUILD.labels(service, _version(), platform.python_version()).set(1)

    def watch(self, lane: str, events: Sequence[str], pending: Callable[[], float]) -> None:
        """Show how much the lane has in progress. What it will count stands at 0 from now: an increase is seen."""
        IN_PROGRESS.labels(lane).set_function(pending)
        from_zero(CONSUMED, [lane], events, OUTCOMES)
        for event in events:
            _handled(lane, event)
            REDELIVERED.labels(lane, event)

    def refused(self, lane: str, event: str) -> None:
        """A message that does not even parse."""
        _consumed(lane, event, "dead_letter").inc()

    def settled(self, lane: str, settled: Sequence[Settled]) -> None:
        """Count what was settled together."""
        now = time.monotonic()
        tally: Tally[tuple[str, str]] = Tally()
        moves: Tally[tuple[Stage, Stage]] = Tally()
        took: dict[str, list[float]] = defaultdict(list)
        stayed: dict[Stage, list[float]] = defaultdict(list)
        for item, job, outcome in settled:
            event = item.event.name
            tally[event, _word(outcome)] += 1
            took[event].append(now - item.since)
            if item.delivery.redelivered:
                REDELIVERED.labels(lane, event).inc()
            if job and isinstance(outcome, Move):
                _given_back(job, outcome)
                if outcome.to is not job.stage and not job.canary:
                    moves[job.stage, outcome.to] += 1
                    stayed[job.stage].append(max(job.stage_s, 0))
                    _ended(job, outcome)
        for (stage, to), count in moves.items():
            _moves(stage.value, to.value).inc(count)
        for stage, seconds in stayed.items():
            observe_all(_stage_seconds(stage.value), seconds)
        for event, seconds in took.items():
            observe_all(_handled(lane, event), seconds)
        for (event, word), count in tally.items():
            _consumed(lane, event, word).inc(count)
            _last(lane, event).set_to_current_time()

    def published(self, lane: str, events: Iterable[str]) -> None:
        for event, count in Tally(events).items():
            _published(lane, event).inc(count)

    def returned(self, event: str) -> None:
        RETURNED.labels(event).inc()


def moved(job: Job, move: Move) -> None:
    """Count a job's committed move: whoever moves one outside a lane calls this after the commit."""
    _given_back(job, move)
    if move.to is not job.stage and not job.canary:
        _moves(job.stage.value, move.to.value).inc()
        _stage_seconds(job.stage.value).observe(max(job.stage_s, 0))
        _ended(job, move)


def _given_back(job: Job, move: Move) -> None:
    """A refund that failed after it had succeeded takes nothing back: a counter only grows."""
    if move.refunded_cents:
        REFUNDED_CENTS.inc(max(move.refunded_cents - job.refunded_cents, 0))


def _ended(job: Job, move: Move) -> None:
    """How long the customer waited, where the wait is over."""
    if move.to is not Stage.ANNOUNCE or job.paid_s is None:
        return
    if move.status is Status.COMPLETED:
        DELIVERY_SECONDS.observe(job.paid_s)
        SLACK.observe(job.promise_left_s or 0)
    elif move.status is Status.REFUNDED:
        REFUND_SECONDS.observe(job.paid_s)


def _word(outcome: Outcome) -> str:
    match outcome:
        case Move():
            return "moved"
        case Wait(counted=counted):
            return "retried" if counted else "waited"
        case Nothing():
            return "nothing"
        case Refuse():
            return "dead_letter"


def _version() -> str:
    try:
        return version("enlarger")
    except PackageNotFoundError:  # run from a clone
        return "clone"
