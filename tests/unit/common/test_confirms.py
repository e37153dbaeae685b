"""The session's bookkeeping against simple models: nothing is settled that is not done, and everything once."""

from hypothesis import given
from hypothesis import strategies as st

from common.confirms import Acks, Batch, Confirms, Message, Publish

Steps = list[tuple[str, int]]
STEPS = st.lists(st.tuples(st.sampled_from(["deliver", "done", "flush"]), st.integers(1, 40)), max_size=120)


class Channel:
    """A broker's channel as the model: which tags are outstanding, and that every ack names one of them."""

    def __init__(self) -> None:
        self.outstanding: set[int] = set()
        self.done: set[int] = set()
        self.acked: list[int] = []

    def ack(self, tag: int, *, multiple: bool) -> None:
        assert tag in self.outstanding, "the broker would close the channel: unknown delivery tag"
        settled = {t for t in self.outstanding if t <= tag} if multiple else {tag}
        assert settled <= self.done, "acknowledged before it was done"
        self.outstanding -= settled
        self.acked += sorted(settled)


def _play(steps: Steps) -> tuple[Acks, Channel, int]:
    acks, channel, delivered = Acks(), Channel(), 0
    for step, tag in steps:
        if step == "deliver":
            delivered += 1
            acks.delivered(delivered)
            channel.outstanding.add(delivered)
        elif step == "done":
            acks.done(tag)
            channel.done |= {tag} & channel.outstanding
        else:
            for head, multiple in acks.flush():
                channel.ack(head, multiple=multiple)
    return acks, channel, delivered


@given(STEPS)
def test_nothing_is_acknowledged_that_is_not_done(steps: Steps) -> None:
    acks, channel, _ = _play(steps)  # the channel judges every acknowledgement

    assert len(acks) == len(channel.outstanding)


@given(STEPS)
def test_whatever_is_done_is_acknowledged_exactly_once(steps: Steps) -> None:
    _, channel, delivered = _play([*steps, ("flush", 1)])

    assert sorted(channel.acked) == sorted(channel.done)
    assert channel.outstanding | set(channel.acked) == set(range(1, delivered + 1))


@given(st.integers(1, 50))
def test_a_finished_head_is_one_acknowledgement(count: int) -> None:
    acks = Acks()
    for tag in range(1, count + 1):
        acks.delivered(tag)
        acks.done(tag)

    assert list(acks.flush()) == [(count, True)]


def _publishes(count: int) -> tuple[list[Publish], list[bool]]:
    told: list[bool] = []
    batch = Batch(count, told.append)
    return [Publish(Message("key", b""), batch) for _ in range(count)], told


@given(st.lists(st.tuples(st.integers(1, 30), st.booleans()), max_size=60), st.integers(0, 30))
def test_every_publish_is_resolved_at_most_once(confirms: list[tuple[int, bool]], sent: int) -> None:
    book, waiting = Confirms(), set(range(1, sent + 1))
    publishes = {book.sent(publish): publish for publish in _publishes(sent)[0]}
    for tag, multiple in confirms:
        expected = {t for t in waiting if t <= tag} if multiple else {tag} & waiting
        resolved = [id(publish) for publish in book.resolve(tag, multiple=multiple)]
        assert sorted(resolved) == sorted(id(publishes[t]) for t in expected)
        waiting -= expected

    assert {id(p) for p in book.abandon()} == {id(publishes[t]) for t in waiting}


@given(st.permutations(range(5)), st.sets(st.integers(0, 4)))
def test_a_batch_speaks_once_and_only_after_its_last(order: list[int], failed: set[int]) -> None:
    publishes, told = _publishes(5)
    for number in order:
        assert not told
        publishes[number].batch.one_done(ok=number not in failed)

    assert told == [not failed]


def test_tags_count_from_one_as_the_brokers_do() -> None:
    book = Confirms()

    assert [book.sent(publish) for publish in _publishes(3)[0]] == [1, 2, 3]


def test_a_return_marks_its_own_message_and_a_repeat_starts_clean() -> None:
    book, (publishes, _) = Confirms(), _publishes(2)
    tags = [book.sent(publish) for publish in publishes]
    book.returned(tags[1])

    assert [publish.returned for publish in publishes] == [False, True]
    book.sent(publishes[1])
    assert not publishes[1].returned


def test_the_oldest_wait_is_that_of_the_first_unconfirmed() -> None:
    book, (publishes, _) = Confirms(), _publishes(2)
    for publish in publishes:
        book.sent(publish)
    publishes[0].sent_at -= 100

    assert book.oldest_s() >= 100
    list(book.resolve(1, multiple=False))
    assert book.oldest_s() < 50
