"""The provider in its other dialect, silent, and stuck: polled without its webhooks, given up after its time."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.broker import Broker
from local.database import Database
from tests.acceptance.conftest import started
from tests.acceptance.shop import CAT, LAUNCH_PAD, QUICK, Shop

LIMIT_S = "4"


@pytest.fixture(scope="module")
def shop(broker: Broker, durable_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    settings = QUICK | {"UPSAMPLER_DIALECT": "documented", "PROCESSING_TIMEOUT_S": LIMIT_S}
    folder: Path = tmp_path_factory.mktemp("documented")
    with started(broker, durable_database, folder, settings) as stack:
        yield Shop(stack)


def test_without_any_webhook_polling_delivers(shop: Shop) -> None:
    shop.fault("upsampler", fault="webhook_lost", match="cat.jpg")
    purchase = shop.buy(CAT, "silent@a.example")
    shop.wait_over([purchase])
    assert shop.status(purchase)["status"] == "completed"
    ledger = shop.ledger("upsampler")
    assert ledger["submissions"][-1]["dialect"] == "documented"
    assert [hook["kind"] for hook in ledger["webhooks"]] == ["lost"]


def test_a_provider_that_takes_too_long_costs_the_customer_nothing(shop: Shop) -> None:
    shop.fault("upsampler", fault="stuck", match="launch-pad")
    purchase = shop.buy(LAUNCH_PAD, "stuck@a.example")
    shop.wait_over([purchase])
    assert shop.refunds(purchase) == 1
    assert shop.submissions(purchase) == 1
    assert [mail["subject"] for mail in shop.mails(purchase)] == ["We have refunded $0.50"]
