"""What the books are written with: ids and times, entries in the balance, and the events that tell of it."""

import threading
from collections.abc import Callable
from typing import Any

from sandbox.stripe.records import NOBODY, Charge, Dispute, Event, Origin, Record, Refund, Transaction
from sandbox.stripe.shapes import render
from sandbox.stripe.tables import Tables


class Journal:
    """`on_event` is called with each new event while the lock is held; it must not wait."""

    def __init__(
        self, clock: Callable[[], float], new_id: Callable[[str], str], on_event: Callable[[Event], None]
    ) -> None:
        self._clock = clock
        self.new_id = new_id
        self._on_event = on_event
        self.tables = Tables()
        self.lock = threading.RLock()

    def stamp(self, kind: type[Record]) -> dict[str, Any]:
        return {"id": self.new_id(kind.prefix), "created": int(self._clock())}

    def enter(
        self, source: Charge | Refund | Dispute, amount: int, kind: str, category: str, fee: int = 0
    ) -> Transaction:
        """One line of the balance; `amount` in cents, negative when money leaves."""
        entry = Transaction(
            **self.stamp(Transaction),
            amount=amount,
            currency=source.currency,
            fee=fee,
            fee_description="Dispute fee" if category == "dispute" else "Stripe processing fees",
            source=source.id,
            type=kind,
            reporting_category=category,
        )
        return self.tables.add(entry)

    def emit(
        self,
        event_type: str,
        about: Record | dict[str, Any],
        origin: Origin = NOBODY,
        *,
        previous: dict[str, Any] | None = None,
    ) -> Event:
        """Writes the event with the object as it stands now; what happens to the object later changes nothing."""
        data = render(about) if isinstance(about, Record) else about
        with self.lock:
            event = Event(**self.stamp(Event), type=event_type, data=data, previous=previous, origin=origin)
            self.tables.add(event)
            self._on_event(event)
            return event
