"""Downloads of files that a real S3 server keeps: by its own short-lived addresses, or passed on."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import requests

from common.storage import Storage
from local.broker import Broker
from local.database import Database
from tests.infrastructure import fresh_database
from tests.integration.ingest.finished import CONTENT, Finished, deliver
from tests.integration.ingest.shop import Shop, open_shop
from tests.integration.sandbox.standin import until
from tests.integration.storage.s3 import BUCKET, environment, s3_server

URL = f"s3://{BUCKET}/shop"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("s3")) as started:
        yield started


@pytest.fixture(scope="module", params=["redirect", "proxy"])
def shop(
    request: pytest.FixtureRequest,
    endpoint: str,
    broker: Broker,
    database: Database,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Shop]:
    name = f"s3-{secrets.token_hex(4)}"
    told = environment(endpoint) | {"STORAGE_URL": URL, "S3_DELIVERY": request.param}
    amqp_url, database_url = broker.create_vhost(name), fresh_database(database, name)
    with open_shop(database_url, amqp_url, tmp_path_factory.mktemp("nothing"), **told) as opened:
        yield opened
    database.dropdb(name)
    broker.retire_vhost(name)


@pytest.fixture(scope="module")
def finished(shop: Shop, endpoint: str) -> Finished:
    """An order whose file is in the bucket, as the finisher leaves it there."""
    order = deliver(shop, shop.paid())
    key = f"results/{order.job_id}/1.png"
    (shop.storage / key).unlink()
    with _told(environment(endpoint)):
        Storage(URL).write(key, CONTENT, "image/png", "enlarged-4x.png")
    return order


def _redirects(shop: Shop) -> bool:
    return shop.env["S3_DELIVERY"] == "redirect"


def _downloads(shop: Shop, finished: Finished) -> int:
    return int(shop.rows("SELECT downloads FROM links WHERE job_id = %s", finished.job_id)[0]["downloads"])


def test_a_look_at_the_link_counts_nothing_and_is_given_no_address(shop: Shop, finished: Finished) -> None:
    answer = shop.request("HEAD", finished.path)

    assert (answer.status_code, answer.headers["Content-Length"]) == (200, str(len(CONTENT)))
    assert shop.get(f"/d/{finished.token}").status_code == 200
    assert _downloads(shop, finished) == 0


def test_the_file_arrives_whole_under_its_name_and_is_counted_once(
    shop: Shop, finished: Finished, endpoint: str
) -> None:
    first = shop.get(finished.path)
    assert "no-store" in first.headers["Cache-Control"]
    if _redirects(shop):
        assert first.status_code == 307
        assert first.headers["Location"].startswith(endpoint)
        assert "X-Amz-Signature=" in first.headers["Location"]
        assert finished.token not in first.headers["Location"]
    file = requests.get(shop.url + finished.path, timeout=15)

    assert (file.status_code, file.content) == (200, CONTENT)
    assert file.headers["Content-Type"] == "image/png"
    assert file.headers["Content-Disposition"].startswith('attachment; filename="enlarged-4x')
    until(lambda: _downloads(shop, finished) == 1)


def test_a_part_of_the_file_can_be_asked_for(shop: Shop, finished: Finished) -> None:
    part = requests.get(shop.url + finished.path, headers={"Range": "bytes=7-99"}, timeout=15)

    assert (part.status_code, part.content) == (206, CONTENT[7:100])


def test_an_address_of_one_file_opens_no_other_and_not_for_long(shop: Shop, finished: Finished) -> None:
    headers = shop.get(finished.path).headers
    if not _redirects(shop):
        assert "Location" not in headers
        return
    address = headers["Location"]
    told = dict(part.partition("=")[::2] for part in urlsplit(address).query.split("&"))

    assert int(told["X-Amz-Expires"]) <= 300
    assert requests.get(address.partition("?")[0], timeout=15).status_code == 403
    assert requests.get(address.replace("/1.png?", "/2.png?"), timeout=15).status_code == 403


def test_a_link_that_is_over_leads_nowhere(shop: Shop, endpoint: str) -> None:
    over = deliver(shop, shop.paid())
    with _told(environment(endpoint)):
        Storage(URL).write(f"results/{over.job_id}/1.png", CONTENT)
    shop.rows("UPDATE links SET expires_at = now() - interval '1 s' WHERE job_id = %s", over.job_id)
    answer = shop.get(over.path)

    assert answer.status_code == 410
    assert "Location" not in answer.headers


@contextmanager
def _told(settings: dict[str, str]) -> Iterator[None]:
    """These in the environment, from which the store's client takes them."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        assert os.environ["AWS_ENDPOINT_URL"]
        yield
