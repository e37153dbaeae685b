"""What the broker never confirms is counted by its event."""

from typing import Any

from common.confirms import Message
from common.publisher import OTHER, UNCONFIRMED, Hooks, Publisher


class Channel:
    """Open for as long as the test."""

    is_open = True


def _count(event: str) -> float:
    return float(UNCONFIRMED.labels(event)._value.get())  # noqa: SLF001 - the library shows it in no other way


def test_a_publish_that_is_given_up_is_counted_by_its_event_and_one_that_is_confirmed_is_not() -> None:
    told: list[bool] = []
    written: list[Any] = []
    hooks = Hooks(lambda *sent: written.append(sent), lambda *_: None, lambda _: None)
    publisher = Publisher(hooks)
    confirms = publisher.use(Channel())
    before = _count("upscale.check"), _count("payment.completed"), _count(OTHER)
    messages = [Message(key, b"") for key in ("payment.completed", "upscale.check", "submitter.payment.completed.dead")]
    publisher.publish(messages, told.append)
    publisher.confirmed(confirms.resolve(1, multiple=False), accepted=True)
    publisher.give_up()
    assert (len(written), told) == (3, [False])
    assert _count("payment.completed") == before[1]
    assert (_count("upscale.check"), _count(OTHER)) == (before[0] + 1, before[2] + 1)
