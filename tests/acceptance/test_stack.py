"""The whole system as processes: killed, restarted, stopped for a while, and watched."""

import os
import signal

import pytest

from local.processes import await_condition
from local.stack import DiedError, Stack
from tests.acceptance.conftest import StartStack


def test_any_worker_may_be_killed_and_comes_back_ready(stack: Stack) -> None:
    for worker in stack.workers:
        worker.kill()
        assert not worker.ready()
        stack.check()
        worker.start()
    for worker in stack.workers:
        worker.wait_ready()


def test_a_worker_killed_by_somebody_else_is_noticed(start_stack: StartStack) -> None:
    stack = start_stack()
    poller = stack.worker("poller")
    assert poller.pid is not None
    os.kill(poller.pid, signal.SIGKILL)
    await_condition(lambda: not poller.alive, 5, "the end of the poller")
    with pytest.raises(DiedError, match="poller ended by itself with exit code -9"):
        stack.check()
    poller.start()


def test_the_workers_are_told_nothing_of_the_person_at_the_keyboard(
    start_stack: StartStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_API_BASE", "http://elsewhere.example")
    stack = start_stack(POLL_FIRST_S="3")
    told = stack.worker("poller").env
    assert told["POLL_FIRST_S"] == "3"
    assert told["STRIPE_API_BASE"] == stack.at.stripe
    assert "PYTEST_CURRENT_TEST" not in told
