"""The stand-in as a process: silent, and gone cleanly on SIGTERM even while it owes answers."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import stripe

from tests.integration.sandbox.standin import ROOT, StandIn, free_port, until
from tests.integration.sandbox.stripe_standin import KEY, SECRETS, Merchant, endpoint


@contextmanager
def started() -> Iterator[Merchant]:
    port = free_port()
    with endpoint() as hook:
        settings = {
            "SANDBOX_STRIPE_PORT": str(port),
            "SANDBOX_STRIPE_WEBHOOK_URL": hook.url,
            "STRIPE_WEBHOOK_SECRET": SECRETS,
            "STRIPE_API_KEY": KEY,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "sandbox.stripe"],
            cwd=ROOT,
            env=os.environ | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        merchant = Merchant(StandIn(f"http://127.0.0.1:{port}", process), hook)
        try:
            until(merchant.stand_in.is_up)
            yield merchant
        finally:
            process.kill()
            process.communicate()


def test_it_prints_nothing_and_ends_with_0_while_a_webhook_hangs() -> None:
    release = threading.Event()
    with started() as merchant:
        merchant.hook.answer = lambda _earlier: 200 if release.wait(20) else 500
        merchant.hook.await_bodies(1, merchant.paid())

        merchant.stand_in.process.send_signal(signal.SIGTERM)

        said, _ = merchant.stand_in.process.communicate(timeout=10)
        release.set()
        assert (merchant.stand_in.process.returncode, said) == (0, b"")


@pytest.mark.parametrize("fault", ["timeout_after_accept", "slow"])
def test_a_call_that_is_kept_waiting_ends_with_the_stand_in_and_without_an_answer(fault: str) -> None:
    with started() as merchant:
        merchant.stand_in.arm(fault, seconds=30)
        threading.Timer(0.5, merchant.stand_in.process.send_signal, (signal.SIGTERM,)).start()

        with pytest.raises(stripe.APIConnectionError):
            merchant.order()

        said, _ = merchant.stand_in.process.communicate(timeout=10)
        assert merchant.stand_in.process.returncode == 0
        assert b"Traceback" not in said
