"""One system, one Chromium, for all browser tests."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from local.broker import Broker
from local.browser import chromium
from local.database import Database
from local.stack import Stack
from tests.acceptance.browser.watching import launched
from tests.acceptance.conftest import started
from tests.acceptance.shop import QUICK

# Slow enough at the provider that a page can be seen while the order is under way.
SETTINGS = QUICK | {"SANDBOX_UPSAMPLER_SECONDS": "2", "SHOP_PAGE": "1"}


@pytest.fixture(scope="package")
def site(broker: Broker, database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with started(broker, database, tmp_path_factory.mktemp("browser"), SETTINGS) as stack:
        yield stack


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Ends with its module: while Playwright runs, its event loop belongs to this thread."""
    with sync_playwright() as playwright:
        opened = launched(playwright, chromium(print))
        yield opened
        opened.close()
