"""The fixture `office`: a desk, with orders in every stage. Tests look at their own orders: one database serves all."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.database import Database, Limits
from local.database import Database as Server
from tests.infrastructure import fresh_database
from tests.integration.admin.office import Office


@pytest.fixture(scope="session")
def office_url(database: Server) -> Iterator[str]:
    name = f"office_{secrets.token_hex(4)}"
    yield fresh_database(database, name)
    database.dropdb(name)


@pytest.fixture(scope="session")
def office_database(office_url: str) -> Iterator[Database]:
    opened = Database(office_url, limits=Limits(lock_s=5))
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def office(office_url: str, office_database: Database, tmp_path: Path) -> Office:
    return Office(office_url, office_database, tmp_path)
