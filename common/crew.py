"""A lane's threads: each decides, asks and decides again, so that an order alone is handed to nobody on its way.

One at a time decides, about all that waits by then. Any may ask, at most so many at once; one more than may ask is
always there to decide. Who puts something looks whether anybody sees to it; who lets go of something looks again
whether more has come: between the two nothing is left lying.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from common.batches import natural_batch

T = TypeVar("T")
Q = TypeVar("Q")


class _Desk(Generic[Q]):
    """Questions that wait, and seats for those who ask them."""

    def __init__(self, seats: int) -> None:
        self.questions: deque[Q] = deque()
        self.seats = [None] * seats  # taken and given back by `pop` and `append`, which nobody can interrupt

    @property
    def calls(self) -> bool:
        """There is a question and a seat."""
        return bool(self.questions and self.seats)


class Crew(Generic[T, Q]):
    """`decide` is called by one thread at a time, with what was `put`; `ask` by at most `seats` for quick questions and
    as many for slow ones. What was asked is decided about next. Threads are started as they are needed.
    """

    def __init__(self, name: str, seats: int, decide: Callable[[list[T | Q]], None], ask: Callable[[Q], None]) -> None:
        self._name = name
        self._decide = decide
        self._ask = ask
        self._waiting: deque[T | Q] = deque()
        self._lead = threading.Lock()
        self._quick: _Desk[Q] = _Desk(seats)
        self._slow: _Desk[Q] = _Desk(seats)
        self._most = 2 * seats + 1
        self._hiring = threading.Lock()
        self.threads: list[threading.Thread] = []
        self.asleep: list[threading.Lock] = []  # the last to fall asleep is woken first: its memory is still at hand
        self._called = False  # whether somebody was woken who did not look yet
        self._stopping = False

    def put(self, entry: T) -> None:
        """Have this decided about. Called by any thread."""
        self._waiting.append(entry)
        if not self._lead.locked():  # who decides just now looks again afterwards
            self.call()

    def question(self, entry: Q, *, slow: bool) -> None:
        """Have this asked. Called from within `decide`, which is followed by a look at the questions: who goes on there
        with what may take long is to `call` another.
        """
        (self._slow if slow else self._quick).questions.append(entry)

    def stop(self) -> None:
        """Ask nothing more. What is under way goes on, what was answered is decided about, and nobody waits for it."""
        self._stopping = True
        while self.asleep:
            self._wake()

    @property
    def alive(self) -> bool:
        return all(thread.is_alive() for thread in self.threads)

    def call(self) -> None:
        """Let one more thread look for work, unless one is about to. Where all are busy, each looks when it is done."""
        if not self._called and not self._wake():
            self._hire()

    def _wake(self) -> bool:
        try:
            bed = self.asleep.pop()
        except IndexError:
            return False
        self._called = True
        bed.release()
        return True

    def _hire(self) -> None:
        with self._hiring:
            if len(self.threads) >= self._most or self._stopping:
                return
            self._called = True
            thread = threading.Thread(target=self._run, name=f"{self._name}.{len(self.threads)}", daemon=True)
            try:
                thread.start()
            finally:  # not before: the watchdog takes one that is not there yet for one that died
                self.threads.append(thread)

    def _run(self) -> None:
        bed = threading.Lock()
        bed.acquire()
        while not self._stopping:
            self._called = False
            while self._asked(self._quick) or self._asked(self._slow) or self._decided():
                pass
            self.asleep.append(bed)
            if self._work or self._stopping:  # it came before anybody could see that this thread sleeps
                self._wake()
            bed.acquire()

    @property
    def _work(self) -> bool:
        """There is something that nobody sees to."""
        return bool(self._waiting and not self._lead.locked()) or self._quick.calls or self._slow.calls

    def _asked(self, desk: _Desk[Q]) -> bool:
        """Ask what waits at this desk; False when there was nothing, or no seat."""
        if self._stopping or not desk.calls:
            return False
        try:
            desk.seats.pop()
        except IndexError:
            return False  # who sits there looks again
        try:
            while desk.questions and not self._stopping:
                self._ask_one(desk)
        finally:
            desk.seats.append(None)
        return True

    def _ask_one(self, desk: _Desk[Q]) -> None:
        try:
            entry = desk.questions.popleft()
        except IndexError:
            return
        if self._work:
            self.call()  # the answer may take long
        self._ask(entry)
        self._waiting.append(entry)

    def _decided(self) -> bool:
        """Decide about what waits; False when there was nothing, or somebody does already."""
        if not self._waiting or not self._lead.acquire(blocking=False):
            return False
        try:
            if batch := natural_batch(self._waiting):
                self._decide(batch)
        finally:
            self._lead.release()
        return True
