"""The fixture `rig`: a lane of the tests' own on real servers."""

from collections.abc import Iterator

import pytest

from tests.integration.runtime.rig import Rig
from tests.integration.runtime.rig import rig as the_rig


@pytest.fixture
def rig(database_url: str, amqp_url: str) -> Iterator[Rig]:
    with the_rig(database_url, amqp_url) as made:
        yield made
