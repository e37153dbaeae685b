"""Customers who come at a steady rate, order and pay over HTTP, and are looked after until they have their picture."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from cli.customer import Customer, Purchase
from local.processes import LocalError
from local.stack import Stack

_CAT = 105
_AT_ONCE = 32
_LOOKS = 4
_OVER = ("completed", "failed")


class Buyers:
    """`asked` customers, `rate` a second. `seconds` are how long each waited for the checkout page."""

    def __init__(self, stack: Stack, asked: int, rate: float) -> None:
        self.asked, self.rate = asked, rate
        self.came = self.refused = self.over = 0
        self.seconds: list[float] = []
        self._stack = stack
        self._lock = threading.Lock()
        self._purchases: dict[str, Purchase] = {}
        self._open: set[str] = set()
        self._stopping = threading.Event()
        self._counter = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="buyer")
        self._lookers = ThreadPoolExecutor(_LOOKS, thread_name_prefix="look")
        self._door = threading.Thread(target=self._let_in, name="door", daemon=True)
        self._closed_at: float | None = None
        self._local = threading.local()

    def __enter__(self) -> Self:
        self._door.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._stopping.set()
        self._door.join()
        for pool in (self._counter, self._lookers):
            pool.shutdown(wait=True, cancel_futures=True)

    @property
    def tickets(self) -> list[str]:
        with self._lock:
            return list(self._purchases)

    @property
    def open(self) -> int:
        return len(self._open)

    @property
    def late_s(self) -> float:
        """Seconds since the last customer came."""
        return time.monotonic() - self._closed_at if self._closed_at else 0.0

    @property
    def done(self) -> bool:
        return self._closed_at is not None and self.over + self.refused == self.asked

    def look(self) -> None:
        """Asks after every order that is underway."""
        with self._lock:
            underway = [self._purchases[ticket] for ticket in self._open]
        for ticket in filter(None, self._lookers.map(self._ended, underway)):
            self._open.discard(ticket)
            self.over += 1

    def _ended(self, purchase: Purchase) -> str | None:
        return purchase.ticket if self._customer().status(purchase)["status"] in _OVER else None

    def _let_in(self) -> None:
        began = time.monotonic()
        for number in range(self.asked):
            if self._stopping.wait(max(began + number / self.rate - time.monotonic(), 0)):
                break
            self.came += 1
            self._counter.submit(self._buy, number)
        self._closed_at = time.monotonic()

    def _buy(self, number: int) -> None:
        began = time.monotonic()
        try:
            purchase = self._customer().order(_CAT, "4x", f"buyer{number}@customer.example")
            waited_s = time.monotonic() - began
            self._customer().pay(purchase)
        except LocalError:
            with self._lock:
                self.refused += 1
            return
        with self._lock:
            self.seconds.append(waited_s)
            self._purchases[purchase.ticket] = purchase
            self._open.add(purchase.ticket)

    def _customer(self) -> Customer:
        """Each thread's own: its connection is kept."""
        if not hasattr(self._local, "customer"):
            self._local.customer = Customer(self._stack)
        customer: Customer = self._local.customer
        return customer
