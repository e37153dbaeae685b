"""The fixture `till`: a database of the test's own, with Stripe's books beside it."""

from collections.abc import Iterator

import pytest

from tests.integration.money.till import Till, open_till


@pytest.fixture
def till(database_url: str) -> Iterator[Till]:
    with open_till(database_url) as opened:
        yield opened
