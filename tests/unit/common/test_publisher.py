"""What the broker never confirms is counted by its event; what other threads publish is in the same book."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import MagicMock

import pytest

from common.broker import Broker
from common.confirms import Confirms, Message
from common.publisher import OTHER, UNCONFIRMED, Hooks, Publisher


class Channel:
    """Open for as long as the test, and its own connection."""

    is_open = True
    open_to_all = True

    def __init__(self) -> None:
        self._turn = threading.RLock()

    @property
    def connection(self) -> "Channel":
        return self

    def usual(self, message: Message) -> bool:
        return message.headers is None

    @contextmanager
    def together(self) -> Iterator[None]:
        with self._turn:
            yield


def _count(event: str) -> float:
    return float(UNCONFIRMED.labels(event)._value.get())  # noqa: SLF001 - the library shows it in no other way


def test_a_publish_that_is_given_up_is_counted_by_its_event_and_one_that_is_confirmed_is_not() -> None:
    told: list[bool] = []
    written: list[Any] = []
    hooks = Hooks(lambda *sent: written.append(sent), lambda *_: None, lambda _: None)
    publisher = Publisher(hooks)
    publisher.use(Channel(), confirms := Confirms())
    before = _count("upscale.check"), _count("payment.completed"), _count(OTHER)
    messages = [Message(key, b"") for key in ("payment.completed", "upscale.check", "submitter.payment.completed.dead")]
    publisher.publish(messages, told.append)
    publisher.confirmed(confirms.resolve(1, multiple=False), accepted=True)
    publisher.give_up()
    assert (len(written), told) == (3, [False])
    assert _count("payment.completed") == before[1]
    assert (_count("upscale.check"), _count(OTHER)) == (before[0] + 1, before[2] + 1)


EVENT, DEAD = Message("upscale.done", b"{}"), Message("a.queue.dead", b"{}", headers={"x-reason": "why"})


def _publisher(channel: Channel | None) -> tuple[Publisher, list[Any]]:
    written: list[Any] = []
    publisher = Publisher(Hooks(lambda *sent: written.append(sent), lambda *_: None, lambda _: None))
    if channel:
        publisher.use(channel, Confirms())
    return publisher, written


@pytest.mark.parametrize("why", ["no channel", "a socket for one thread", "a dead letter"])
def test_what_another_thread_may_not_publish_is_left_whole_to_the_brokers(why: str) -> None:
    channel = Channel()
    channel.open_to_all = why != "a socket for one thread"
    publisher, written = _publisher(None if why == "no channel" else channel)
    told: list[bool] = []
    last = DEAD if why == "a dead letter" else EVENT
    assert not publisher.at_once([([EVENT], told.append), ([EVENT, last], told.append)])
    assert (written, told, len(publisher)) == ([], [], 0)


def test_what_was_published_on_a_channel_that_had_just_closed_is_given_up_with_it() -> None:
    channel = Channel()
    publisher, _ = _publisher(channel)
    channel.is_open = False
    told: list[bool] = []
    assert publisher.at_once([([EVENT], told.append)])
    assert not told  # it is the broker's thread that says so
    publisher.give_up()
    assert told == [False]


@pytest.mark.usefixtures("restless")
def test_the_book_is_right_while_all_publish_and_the_broker_confirms() -> None:
    publisher, written = _publisher(None)
    publisher.use(Channel(), confirms := Confirms())
    told: list[bool] = []

    def publish() -> None:
        for _ in range(300):
            assert publisher.at_once([([EVENT], told.append), ([EVENT, EVENT], told.append)])

    threads = [threading.Thread(target=publish) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) or len(publisher):
        publisher.confirmed(confirms.resolve(len(written), multiple=True), accepted=True)
        assert publisher.oldest_s >= 0
    for thread in threads:
        thread.join()
    assert [tag for _, _, tag in written] == list(range(1, 3601))
    assert told == [True] * 2400


def test_who_publishes_meanwhile_does_not_disturb_what_is_being_confirmed() -> None:
    publisher, _ = _publisher(None)
    publisher.use(Channel(), confirms := Confirms())
    told: list[bool] = []
    thread = threading.Thread(target=lambda: publisher.at_once([([EVENT], told.append)]))

    class Meanwhile(dict[int, Any]):
        """Another thread publishes as soon as somebody goes through the book."""

        def __iter__(self) -> Iterator[int]:
            for tag in super().__iter__():
                if not thread.ident:
                    thread.start()
                    thread.join(0.2)  # it waits for its turn
                yield tag

    assert publisher.at_once([([EVENT, EVENT], told.append)])
    confirms._pending = Meanwhile(confirms._pending)  # noqa: SLF001 - to be there at the moment
    publisher.confirmed(confirms.resolve(2, multiple=True), accepted=True)
    thread.join()
    assert (told, len(publisher)) == ([True], 1)


@pytest.mark.usefixtures("restless")
def test_the_broker_and_others_never_wait_for_each_other() -> None:
    """Both need the book and the connection: who took them in another order held the other up for ever."""
    publisher, written = _publisher(Channel())

    def as_the_broker() -> None:
        for _ in range(1000):
            with publisher.together():
                publisher.publish([DEAD], lambda _: None)

    def at_once() -> None:
        for _ in range(1000):
            assert publisher.at_once([([EVENT], lambda _: None)])

    threads = [threading.Thread(target=work, daemon=True) for work in (as_the_broker, at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(written) == 2000


def test_after_a_message_that_could_not_be_written_nothing_is_sent_that_would_have_its_tag() -> None:
    def refuse(*_: Any) -> None:
        raise ValueError

    publisher = Publisher(Hooks(refuse, lambda *_: None, lambda _: None))
    publisher.use(Channel(), Confirms())
    with pytest.raises(ValueError):  # noqa: PT011 - the one above
        publisher.at_once([([EVENT], lambda _: None)])
    assert not publisher.at_once([([EVENT], lambda _: None)])


def test_what_comes_back_after_the_close_is_left_to_its_wake_up() -> None:
    later: list[Any] = []
    publisher = Publisher(Hooks(lambda *_: None, lambda _, again: later.append(again), lambda _: None))
    publisher.use(Channel(), confirms := Confirms())
    told: list[bool] = []
    assert publisher.at_once([([EVENT], told.append)])
    publisher.close()
    confirms.returned(1)
    publisher.confirmed(confirms.resolve(1, multiple=False), accepted=True)
    later.pop()()
    assert told == [False]


def test_after_its_close_nothing_is_published_and_what_is_under_way_is_confirmed() -> None:
    publisher, written = _publisher(None)
    publisher.use(Channel(), confirms := Confirms())
    told: list[bool] = []
    assert publisher.at_once([([EVENT], told.append)])
    publisher.close()
    assert not publisher.at_once([([EVENT], told.append)])
    publisher.confirmed(confirms.resolve(1, multiple=False), accepted=True)
    assert (len(written), told) == (1, [True])


def test_nobody_publishes_on_a_channel_before_it_confirms_and_knows_its_queues() -> None:
    """The broker counts from the moment that it was asked to confirm: what came before shifts every tag by one."""
    broker = Broker("amqp://127.0.0.1", "test")
    channel = MagicMock()
    connection = channel.connection
    connection.channel.side_effect = lambda on_open_callback: on_open_callback(channel)
    seen: list[bool] = []

    def publish(*_: Any, **__: Any) -> None:
        seen.append(broker._publisher.at_once([([EVENT], lambda _: None)]))  # noqa: SLF001 - as a lane's thread at that moment

    connection.confirm.side_effect = channel.queue_declare.side_effect = publish
    broker._open_publisher(connection, 0)  # noqa: SLF001 - as pika calls it
    assert len(seen) > 1
    assert not any(seen)
    publish()
    assert seen[-1]
    broker._loop.close()  # noqa: SLF001 - it was never started
