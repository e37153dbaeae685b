"""The first page: what needs a person, what today brought, how the provider, the budget and the queues stand."""

from dataclasses import dataclass
from typing import Any

import structlog
from fastapi import APIRouter, Request, Response

from common import breaker, budget, switches
from common.admin import counting, reading
from common.budget import Cap, Usage
from common.database import Transaction
from common.events import EVENTS
from common.inspection import BrokerAwayError, Depth, look
from common.topology import dead_queue
from services.ingest.edge import Edge, Parts
from services.ingest.office.gate import Signed
from services.ingest.office.rendering import page

PATIENCE_S = 2.0
SHOWN = 12

log = structlog.get_logger()
router = APIRouter()


@dataclass(frozen=True, slots=True)
class Spent:
    """One budget: what is spent of it, in its unit."""

    cap: Cap
    spent: int

    @classmethod
    def of(cls, cap: Cap, usage: Usage) -> "Spent":
        return cls(cap, usage.spent(cap.period) * cap.per_credit)


@dataclass(frozen=True, slots=True)
class Queues:
    """What waits in RabbitMQ; `away` says why nobody knows."""

    depths: list[tuple[Depth, int]]
    dead: int
    away: str = ""


@router.get("")
@router.get("/")
def overview(edge: Edge, request: Request, _session: Signed) -> Response:
    with edge.database.transaction() as tx:
        values = _rows(edge, tx)
    return page(request, "office_overview.html", values | {"queues": _queues(edge)})


def _rows(edge: Parts, tx: Transaction) -> dict[str, Any]:
    usage = budget.usage(tx)
    return {
        "attention": reading.attention(tx, SHOWN),
        "held": counting.held(tx),
        "stages": counting.under_way(tx),
        "today": counting.today(tx),
        "delivered": reading.today(tx),
        "workers": reading.workers(tx),
        "pauses": switches.paused(tx),
        "breaker": breaker.read(tx),
        "in_flight": counting.in_flight(tx),
        "places": edge.settings.upsampler_max_in_flight,
        "usage": usage,
        "budgets": [Spent.of(cap, usage) for cap in edge.settings.caps],
        "hard_stop": edge.settings.budget_hard_stop,
    }


def _queues(edge: Parts) -> Queues:
    """A short look at the broker. It may be away: the page is about that too."""
    try:
        with look(edge.settings.amqp_url, PATIENCE_S) as broker:
            depths = {depth.queue: depth for depth in broker.depths()}
    except BrokerAwayError as error:
        log.warning("broker.not_looked_at", error=str(error))
        return Queues([], 0, str(error))
    names = list(dict.fromkeys(event.queue for event in EVENTS.values()))
    pairs = [(depths[name], depths[dead_queue(name)].messages) for name in names]
    return Queues(pairs, sum(dead for _, dead in pairs))
