"""Which queue a session ended for, and how long it waits for its next turn."""

from pika.exceptions import ConnectionClosedByBroker

from common.suspects import FIRST_S, LONGEST_S, Suspects

LOST = ConnectionClosedByBroker(541, "INTERNAL_ERROR")


def _asked(suspects: Suspects, *queues: str) -> None:
    for queue in queues:
        suspects.asked(queue)


def test_the_first_that_was_not_answered_waits_longer_and_longer_and_the_others_do_not() -> None:
    suspects, waits = Suspects(), []
    for _ in range(8):
        _asked(suspects, "a", "b", "c")
        suspects.answered("a")
        suspects.ended(LOST)
        waits.append(suspects.wait_s("b"))
    assert waits == [FIRST_S, 2.0, 4.0, 8.0, 16.0, 32.0, LONGEST_S, LONGEST_S]
    assert suspects.wait_s("a") == suspects.wait_s("c") == 0


def test_a_session_that_ended_for_another_reason_or_after_all_answers_blames_nobody() -> None:
    suspects = Suspects()
    for error in (ConnectionClosedByBroker(320, "shutdown"), "a confirm did not come", OSError()):
        _asked(suspects, "a")
        suspects.ended(error)
    suspects.ended(LOST)
    assert suspects.wait_s("a") == 0


def test_one_that_is_served_again_is_trusted_again() -> None:
    suspects = Suspects()
    _asked(suspects, "a")
    suspects.ended(LOST)
    _asked(suspects, "a")
    suspects.answered("a")
    suspects.ended(LOST)
    assert suspects.wait_s("a") == 0
