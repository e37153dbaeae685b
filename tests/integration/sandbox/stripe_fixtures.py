"""Fixtures of the Stripe stand-in's tests."""

from collections.abc import Iterator

import pytest

from tests.integration.sandbox.standin import free_port, running
from tests.integration.sandbox.stripe_standin import KEY, SECRETS, Merchant, endpoint, ledger_faults


@pytest.fixture(scope="module")
def merchant() -> Iterator[Merchant]:
    """One stand-in and one webhook endpoint per module. At the end, all that it ever told must fit Stripe's shapes."""
    port = free_port()
    settings = {"SANDBOX_STRIPE_PORT": str(port), "STRIPE_WEBHOOK_SECRET": SECRETS, "STRIPE_API_KEY": KEY}
    with (
        endpoint() as hook,
        running("sandbox.stripe", port, settings | {"SANDBOX_STRIPE_WEBHOOK_URL": hook.url}) as stand_in,
    ):
        yield Merchant(stand_in, hook)
        assert ledger_faults(stand_in.get("/sandbox/ledger")) == []


@pytest.fixture(autouse=True)
def calm(merchant: Merchant) -> Iterator[None]:
    """No fault outlives its test, and the endpoint accepts again."""
    yield
    merchant.stand_in.disarm()
    merchant.hook.answer = lambda _earlier: 200
