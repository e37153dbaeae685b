"""`till`: a database of the test's own with Stripe's books beside it. `payments`: the same on the wire."""

from collections.abc import Iterator

import pytest

from tests.integration.ingest.shop import STRIPE_KEY, WEBHOOK_SECRETS, stand_in
from tests.integration.money.till import Till, open_till
from tests.integration.money.wire import Payments
from tests.integration.sandbox.standin import StandIn, free_port


@pytest.fixture
def till(database_url: str) -> Iterator[Till]:
    with open_till(database_url) as opened:
        yield opened


@pytest.fixture
def stripe() -> Iterator[StandIn]:
    """Stripe's stand-in on the wire; it tells nobody of what happens: the test does."""
    port = free_port()
    settings = {
        "STRIPE_API_KEY": STRIPE_KEY,
        "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRETS[0],
        "SANDBOX_STRIPE_PORT": str(port),
    }
    with stand_in("sandbox.stripe", port, settings) as started:
        yield started


@pytest.fixture
def payments(till: Till, stripe: StandIn) -> Payments:
    return Payments(till, stripe)
