"""A real S3 server of its own, SeaweedFS, for as long as a test needs it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import obstore
import requests
from obstore.store import S3Store

from tests.integration.sandbox.standin import free_port, until

KEY, SECRET, BUCKET = "key-of-tests", "secret-of-tests", "pictures"
WEED = Path(sys.executable).parent / "weed"


@contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """Start it with an empty bucket; its endpoint."""
    served = ("-master.port", "-volume.port", "-filer.port", "-s3.port")
    more = (*(f"{name}.grpc" for name in served), "-s3.port.iceberg", "-s3.port.lance")
    ports = {name: free_port() for name in (*served, *more)}
    grants = {"credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin", "Read", "Write", "List"]}
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [{"name": "tests", **grants}]}))
    command: list[str | Path] = [
        WEED,
        "server",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-filer",
        "-s3",
    ]
    command += [f"-s3.config={config}", "-volume.max=5", "-master.volumeSizeLimitMB=64"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *(f"{name}={port}" for name, port in ports.items())], stdout=log, stderr=log
        )
    endpoint = f"http://127.0.0.1:{ports['-s3.port']}"
    try:
        until(lambda: _made(endpoint, process), 60)
        yield endpoint
    finally:
        process.kill()
        process.wait()


def environment(endpoint: str) -> dict[str, str]:
    """What a worker is told of it."""
    return {
        "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1", "AWS_ALLOW_HTTP": "true",
    }  # fmt: skip


def _made(endpoint: str, process: "subprocess.Popen[bytes]") -> bool:
    """Whether the bucket is there."""
    assert process.poll() is None, f"weed ended with {process.returncode}"
    store = S3Store(
        BUCKET, endpoint=endpoint, access_key_id=KEY, secret_access_key=SECRET, region="us-east-1",
        client_options={"allow_http": True},
    )  # fmt: skip
    try:
        return requests.put(obstore.sign(store, "PUT", "", timedelta(seconds=60)), timeout=10).ok
    except requests.ConnectionError:
        return False
