"""A lane's threads: one decides at a time, some ask, nothing is left lying, and the watchdog sees who died."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from common.crew import Crew
from local.processes import await_condition

WAIT_S = 10.0
PUTTERS, EACH = 4, 3000


@dataclass(eq=False)
class Entry:
    """Something to be decided about; asked first where it says so."""

    ask: bool = False
    slow: bool = False
    asked: bool = False
    done: threading.Event = field(default_factory=threading.Event)


class Lane:
    """Decides as lanes do, and looks who does what at once. `gate` holds every call outside until it is set."""

    def __init__(self, seats: int) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.crew: Crew[Entry, Entry] = Crew("lane", seats, self._decide, self._ask)
        self.deciding, self.asking, self.most = 0, Counter[bool](), Counter[str]()
        self.times: Counter[tuple[Entry, str]] = Counter()
        self.threads: list[int] = []
        self._turn = threading.Lock()

    def put(self, *, ask: bool = False, slow: bool = False) -> Entry:
        entry = Entry(ask, slow)
        self.crew.put(entry)
        return entry

    def _decide(self, batch: Sequence[Entry]) -> None:
        self.deciding += 1
        self.most["deciding"] = max(self.most["deciding"], self.deciding)
        for entry in batch:
            self._note(entry, "decided")
            if entry.ask and not entry.asked:
                self.crew.question(entry, slow=entry.slow)
            else:
                entry.done.set()
        self.deciding -= 1

    def _ask(self, entry: Entry) -> None:
        with self._turn:
            self.asking[entry.slow] += 1
            self.most[f"slow {entry.slow}"] = max(self.most[f"slow {entry.slow}"], self.asking[entry.slow])
        self._note(entry, "asked")
        self.gate.wait(WAIT_S)
        entry.asked = True
        with self._turn:
            self.asking[entry.slow] -= 1

    def _note(self, entry: Entry, what: str) -> None:
        with self._turn:
            self.times[entry, what] += 1
            self.threads.append(threading.get_ident())


@pytest.fixture
def make() -> Iterator[Callable[[int], Lane]]:
    made: list[Lane] = []

    def of(seats: int) -> Lane:
        made.append(Lane(seats))
        return made[-1]

    yield of
    for lane in made:
        lane.gate.set()
        lane.crew.stop()


def test_an_order_alone_is_handed_to_nobody(make: Callable[[int], Lane]) -> None:
    lane = make(4)
    for _ in range(20):
        assert lane.put(ask=True).done.wait(WAIT_S)
        await_condition(lambda: bool(lane.crew.asleep), WAIT_S, "the thread's rest")
    assert len(lane.threads) == 60
    assert len(set(lane.threads)) == 1


@pytest.mark.parametrize("seats", [1, 2, 5])
@pytest.mark.usefixtures("restless")
def test_in_a_crowd_nothing_is_lost_nor_done_twice(make: Callable[[int], Lane], seats: int) -> None:
    lane = make(seats)
    entries: list[Entry] = []

    def put(number: int) -> None:
        entries.extend(lane.put(ask=(index + number) % 3 > 0, slow=index % 7 == 0) for index in range(EACH))

    putters = [threading.Thread(target=put, args=[number]) for number in range(PUTTERS)]
    for putter in putters:
        putter.start()
    for putter in putters:
        putter.join()
    for entry in entries:
        assert entry.done.wait(WAIT_S)
    expected = {(e, "decided"): 2 if e.ask else 1 for e in entries} | {(e, "asked"): 1 for e in entries if e.ask}
    assert len(entries) == PUTTERS * EACH
    assert lane.times == expected
    assert lane.most["deciding"] == 1
    assert 0 < lane.most["slow False"] <= seats
    assert 0 < lane.most["slow True"] <= seats


@pytest.mark.usefixtures("restless")
def test_one_after_the_other_none_is_lost(make: Callable[[int], Lane]) -> None:
    lane = make(1)
    for number in range(10_000):
        assert lane.put(ask=number % 2 > 0).done.wait(WAIT_S)


def test_what_comes_as_the_last_free_thread_falls_asleep_is_seen(make: Callable[[int], Lane]) -> None:
    class Window(list[threading.Lock]):
        """Something comes after the thread has looked and before anybody can see that it sleeps."""

        came: Entry | None = None

        def append(self, bed: threading.Lock) -> None:
            if self.came is None:
                self.came = lane.put()
            super().append(bed)

    lane = make(1)
    lane.gate.clear()
    for slow in (False, True):
        lane.put(ask=True, slow=slow)
        await_condition(lambda slow=slow: lane.asking[slow] == 1, WAIT_S, "the call")  # type: ignore[misc]
    assert lane.put().done.wait(WAIT_S)
    await_condition(lambda: bool(lane.crew.asleep), WAIT_S, "the last thread's rest")
    window = lane.crew.asleep = Window(lane.crew.asleep)
    assert lane.put().done.wait(WAIT_S)
    await_condition(lambda: window.came is not None, WAIT_S, "the moment")
    assert window.came
    assert window.came.done.wait(WAIT_S / 2)  # before the calls end


def test_the_last_to_fall_asleep_is_woken_first(make: Callable[[int], Lane]) -> None:
    lane = make(3)
    lane.gate.clear()
    held = [lane.put(ask=True) for _ in range(3)]
    await_condition(lambda: lane.asking[False] == 3, WAIT_S, "the calls")
    lane.gate.set()
    assert all(entry.done.wait(WAIT_S) for entry in held)
    lane.threads.clear()
    for _ in range(20):
        await_condition(lambda: len(lane.crew.asleep) == len(lane.crew.threads) > 2, WAIT_S, "everybody's rest")
        assert lane.put().done.wait(WAIT_S)
    assert len(set(lane.threads)) == 1


def test_while_all_seats_are_taken_somebody_decides(make: Callable[[int], Lane]) -> None:
    lane = make(2)
    lane.gate.clear()
    held = [lane.put(ask=True, slow=slow) for slow in (False, True) for _ in range(5)]
    await_condition(lambda: lane.asking == {False: 2, True: 2}, WAIT_S, "the calls")
    for _ in range(50):
        assert lane.put().done.wait(WAIT_S)
    assert not any(entry.done.is_set() for entry in held)
    lane.gate.set()
    assert all(entry.done.wait(WAIT_S) for entry in held)
    assert (lane.most["slow False"], lane.most["slow True"]) == (2, 2)


def test_slow_calls_keep_no_quick_one_waiting(make: Callable[[int], Lane]) -> None:
    lane = make(1)
    lane.gate.clear()
    slow = [lane.put(ask=True, slow=True) for _ in range(3)]
    await_condition(lambda: lane.asking[True] == 1, WAIT_S, "the slow call")
    quick = lane.put(ask=True)
    await_condition(lambda: lane.asking[False] == 1, WAIT_S, "the quick call")
    lane.gate.set()
    assert all(entry.done.wait(WAIT_S) for entry in [*slow, quick])


def test_an_answer_is_decided_about_while_other_questions_wait() -> None:
    """The one seat goes from question to question: what was answered must not wait for the last."""
    first_done = threading.Event()

    def ask(number: int) -> None:
        if number == 1:
            assert first_done.wait(WAIT_S)

    decided: list[str | int] = []

    def decide(batch: Sequence[str | int]) -> None:
        for entry in batch:
            if entry == "start":
                for number in (0, 1):
                    crew.question(number, slow=False)
            elif entry == 0:
                first_done.set()
            decided.append(entry)

    crew: Crew[str, int] = Crew("lane", 1, decide, ask)
    crew.put("start")
    await_condition(lambda: decided == ["start", 0, 1], WAIT_S, "both answers")
    crew.stop()


def test_after_the_stop_nothing_is_asked_and_all_threads_end(make: Callable[[int], Lane]) -> None:
    lane = make(2)
    lane.gate.clear()
    held = [lane.put(ask=True) for _ in range(5)]
    await_condition(lambda: lane.asking[False] == 2, WAIT_S, "the calls")
    lane.crew.stop()
    lane.gate.set()
    await_condition(lambda: not any(t.is_alive() for t in lane.crew.threads), WAIT_S, "the threads' end")
    assert sum(entry.asked for entry in held) == 2
    assert all(entry.done.is_set() for entry in held if entry.asked)  # an answer is not to be had twice


def test_threads_that_are_just_starting_are_no_dead_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """The watchdog reads `alive` at any moment: a worker of which a thread is dead ends itself."""
    seen: list[bool] = []
    start = threading.Thread.start

    def watched(thread: threading.Thread) -> None:
        seen.append(crew.alive)
        start(thread)
        seen.append(crew.alive)

    decided = threading.Event()
    crew: Crew[str, str] = Crew("lane", 3, lambda _: decided.set(), lambda _: None)
    monkeypatch.setattr(threading.Thread, "start", watched)
    crew.put("entry")
    assert decided.wait(WAIT_S)
    assert seen == [True] * 2
    assert crew.alive
    crew.stop()


def test_a_thread_that_cannot_be_started_is_a_dead_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    crew: Crew[str, str] = Crew("lane", 1, lambda _: None, lambda _: None)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            crew.put("entry")
    assert not crew.alive


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("where", ["decide", "ask"])
def test_a_thread_that_died_is_seen(where: str) -> None:
    def decide(batch: Sequence[str]) -> None:
        if where == "decide":
            raise SystemExit
        for entry in batch:
            crew.question(entry, slow=False)

    def ask(_: str) -> None:
        raise SystemExit

    crew: Crew[str, str] = Crew("lane", 2, decide, ask)
    assert crew.alive
    crew.put("entry")
    await_condition(lambda: not crew.alive, WAIT_S, "the thread's end")
    crew.stop()
