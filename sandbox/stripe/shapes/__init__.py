"""Records as Stripe's JSON (API version `API_VERSION`). One function per object, chosen by the record's class."""

from functools import singledispatch
from typing import Any

from sandbox.stripe import records
from sandbox.stripe.shapes.checkout import line_items, session
from sandbox.stripe.shapes.dispute import dispute
from sandbox.stripe.shapes.event import API_VERSION, event
from sandbox.stripe.shapes.money import refund, transaction
from sandbox.stripe.shapes.payment import charge, intent

Shape = dict[str, Any]

__all__ = ["API_VERSION", "Shape", "line_items", "listed", "render"]


@singledispatch
def render(record: records.Record) -> Shape:
    raise TypeError(f"no shape for {type(record).__name__}")


render.register(records.Session, session)
render.register(records.Intent, intent)
render.register(records.Charge, charge)
render.register(records.Transaction, transaction)
render.register(records.Refund, refund)
render.register(records.Dispute, dispute)
render.register(records.Event, event)


def listed(url: str, data: list[Shape], *, has_more: bool = False) -> Shape:
    return {"object": "list", "url": url, "has_more": has_more, "data": data}
