"""The fixtures `desk`, a migrated database of the test's own, with orders on it, and `job`, a paid one."""

import uuid
from collections.abc import Iterator

import pytest

from tests.integration.runtime.rig import Rig
from tests.integration.runtime.rig import rig as a_rig


@pytest.fixture
def desk(database_url: str) -> Iterator[Rig]:
    with a_rig(database_url, "amqp://127.0.0.1:9/") as made:  # no test in this folder needs a broker
        yield made


@pytest.fixture
def job(desk: Rig) -> uuid.UUID:
    return desk.paid()[0]
