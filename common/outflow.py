"""What leaves a lane with an outcome: the messages that follow, and a line and figures for people."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from common import logs, tracing
from common.confirms import Message
from common.deliveries import Delivery
from common.events import Event, encode
from common.lane import Settled
from common.metrics import Metrics
from common.outcomes import Move, Nothing, Outcome, Refuse, Wait
from common.topology import DEAD_EXCHANGE, dead_queue

log = structlog.get_logger()


def follows(lane: str, delivery: Delivery, event: type[Event], outcome: Outcome) -> Sequence[Message]:
    """The messages that an outcome leads to; a refusal's is the dead letter."""
    match outcome:
        case Move(emit=events) | Wait(emit=events) | Nothing(emit=events):
            return [Message(follower.name, encode(follower, lane)) for follower in events]
        case Refuse(reason=reason):
            return [dead_letter(delivery, event, reason)]


def dead_letter(delivery: Delivery, event: type[Event], reason: str) -> Message:
    """The message as it came, with the reason, its queue and its routing key in the headers."""
    log.error("message.refused", queue=delivery.queue, reason=reason)
    headers = {"x-reason": reason, "x-queue": delivery.queue, "x-routing-key": event.name}
    return Message(dead_queue(delivery.queue), delivery.body, exchange=DEAD_EXCHANGE, headers=headers)


def report(metrics: Metrics, lane: str, settled: Sequence[Settled]) -> None:
    """Count and log what was settled together, a line for each job that moved or waits."""
    metrics.settled(lane, settled)
    moved: list[Mapping[str, Any]] = []
    waits: list[Mapping[str, Any]] = []
    exporting = tracing.exporting()
    for item, job, outcome in settled:
        event = item.event
        traceparent = job.traceparent if job and job.traceparent else event.traceparent
        context = {"event_name": event.name, "job_id": event.job_id, "trace_id": tracing.short(traceparent)}
        if exporting:
            about = {"job_id": str(event.job_id), "outcome": type(outcome).__name__, "lane": lane}
            seconds = time.monotonic() - item.since
            tracing.span(f"{lane} {event.name}", tracing.begun(traceparent), traceparent, seconds, about)
        match outcome:
            case Move(to=to, kind=kind):
                moved.append({"stage": job and job.stage.value, "to": to.value, "kind": kind, **context})
            case Wait(wake_s=wake_s, counted=counted, kind=kind):
                waits.append({"wake_s": round(wake_s, 1), "counted": counted, "kind": kind, **context})
            case Nothing(why=why):
                log.debug("delivery.nothing", why=why, **logs.readable(context))
            case Refuse():
                pass  # logged where the dead letter was made
    for name, rows in (("job.moved", moved), ("job.waits", waits)):
        if rows:
            logs.lines(name, rows)
