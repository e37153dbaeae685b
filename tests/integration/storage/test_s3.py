"""The store on a real S3 server: the same contract as a folder, and addresses that it serves files at itself."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from common.storage import Storage, StorageError
from tests.integration.storage.s3 import BUCKET, environment, s3_server
from tests.unit.common.test_storage import (
    CONTENT,
    test_a_file_and_a_stream_are_stored_like_bytes,
    test_a_missing_file_is_named,
    test_a_range_is_exact_and_never_runs_past_the_end,
    test_an_empty_file_is_a_file,
    test_removing_twice_is_fine,
    test_what_is_written_is_read,
    test_writing_again_replaces,
)

__all__ = [
    "test_a_file_and_a_stream_are_stored_like_bytes",
    "test_a_missing_file_is_named",
    "test_a_range_is_exact_and_never_runs_past_the_end",
    "test_an_empty_file_is_a_file",
    "test_removing_twice_is_fine",
    "test_what_is_written_is_read",
    "test_writing_again_replaces",
]


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("s3")) as started:
        yield started


@pytest.fixture
def storage(endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Storage:
    for name, value in environment(endpoint).items():
        monkeypatch.setenv(name, value)
    return Storage(f"s3://{BUCKET}/{tmp_path.name}")


def test_a_large_file_travels_in_parts(storage: Storage, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(os.urandom(20 << 20))
    storage.write("results/large", large)

    found = storage.read("results/large")
    assert found.size == 20 << 20
    assert b"".join(found.chunks) == large.read_bytes()


def test_the_store_itself_serves_a_file_for_a_while(storage: Storage) -> None:
    storage.write("results/a", CONTENT, "image/png", "enlarged-4x.png")
    address = storage.signed_url("results/a", 60)

    assert address is not None
    answer = requests.get(address, headers={"Range": "bytes=5-9"}, timeout=10)
    assert (answer.status_code, answer.content) == (206, CONTENT[5:10])
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="enlarged-4x.png"'
    assert requests.get(address.partition("?")[0], timeout=10).status_code == 403, "without the signature: nothing"
    assert requests.get(address.replace("results/a", "results/b"), timeout=10).status_code == 403


def test_a_store_that_is_away_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch, storage: Storage) -> None:
    del storage
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    away = Storage(f"s3://{BUCKET}/x")

    with pytest.raises(StorageError, match="cannot read"):
        away.read("results/a")
