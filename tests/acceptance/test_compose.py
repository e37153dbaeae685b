"""`docker compose --profile sandbox up` from a clean daemon: healthy, sells, hardened, scales, and leaves nothing."""

import re
import secrets
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from cli.environments import example_values
from local.bootstrap import ROOT
from local.docker import docker_answers
from local.processes import await_condition
from tests.compose import SERVERS, STAND_INS, WORKERS, Installation, compose_command, docker, docker_is_promised

HEALTHY_S = 90
MAX_OVER_BASE = 250_000_000
CAT = 105
ROUTES = "/wp-json/smi/v1"
NO_COMPOSE = "no Compose of version 2 or newer"

pytestmark = [
    pytest.mark.skipif(not docker_answers() and not docker_is_promised(), reason="no Docker daemon answers"),
    pytest.mark.skipif(compose_command() is None and not docker_is_promised(), reason=NO_COMPOSE),
    pytest.mark.timeout(900),
    pytest.mark.alone,
]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Built, and not yet started."""
    command = compose_command()
    assert command is not None, NO_COMPOSE
    made = Installation(f"enlarger-test-{secrets.token_hex(3)}", tmp_path_factory.mktemp("compose"), command)
    docker("build", "--quiet", "--tag", "enlarger", str(ROOT))
    yield made
    made.compose("down", "--volumes", "--timeout", "5")


def test_it_comes_up_sells_scales_and_leaves_nothing(installation: Installation) -> None:
    began = time.monotonic()
    installation.compose("up", "--detach", "--wait", "--no-build")
    took_s = time.monotonic() - began
    _check_hardened(installation)
    _check_who_knows_the_stripe_key(installation)
    assert _buy_in_the_shop(installation, "mia@customer.example") == (451 * 4, 300 * 4)
    installation.compose("up", "--detach", "--wait", "--no-build", "--scale", "submitter=3")
    assert len(installation.containers("submitter")) == 3
    assert _buy_in_the_shop(installation, "noah@customer.example") == (451 * 4, 300 * 4)
    installation.compose("stop", "--timeout", "20", *WORKERS)
    assert {worker: _exit_codes(installation, worker) for worker in WORKERS} == {worker: {0} for worker in WORKERS}
    installation.compose("down", "--volumes", "--timeout", "5")
    assert installation.left() == ""
    assert took_s < HEALTHY_S


@pytest.mark.usefixtures("installation")
def test_the_image_is_small_and_holds_no_build_tools() -> None:
    base = (ROOT / "Dockerfile").read_text().rpartition("FROM ")[2].split()[0]
    sizes = docker("image", "inspect", "--format", "{{.Size}}", "enlarger", base).split()
    assert int(sizes[0]) - int(sizes[1]) < MAX_OVER_BASE
    tools = "for tool in pip pip3 gcc cc make git curl wget; do command -v $tool; done; python -m pip --version; true"
    assert docker("run", "--rm", "enlarger", "sh", "-c", tools) == ""


def _check_hardened(installation: Installation) -> None:
    """Every process of every container: not root, no capability, no way to gain one, a seccomp filter."""
    for container in installation.containers():
        host, name = container["HostConfig"], container["Name"]
        assert host["ReadonlyRootfs"], name
        assert host["Memory"], name
        assert host["PidsLimit"], name
        text = docker("exec", "--user", "nobody", container["Id"], "sh", "-c", "cat /proc/[0-9]*/status")
        for process in text.split("Name:\t")[1:]:
            if process.startswith("pg_isready\n"):
                continue  # PostgreSQL's probe comes as its container's own user, for a moment
            said = dict(line.split(":\t", 1) for line in process.splitlines() if ":\t" in line)
            assert said["Uid"].split()[0] != "0", f"{name}: {process}"
            assert int(said["CapEff"], 16) == int(said["CapPrm"], 16) == 0, f"{name}: {process}"
            assert (said["NoNewPrivs"], said["Seccomp"]) == ("1", "2"), f"{name}: {process}"


def _check_who_knows_the_stripe_key(installation: Installation) -> None:
    key = installation.settings["STRIPE_API_KEY"]
    knowing = {
        service
        for service in (*WORKERS, *STAND_INS, *SERVERS)
        for container in installation.containers(service)
        if any(entry.endswith(f"={key}") for entry in container["Config"]["Env"])
    }
    assert knowing == {"ingest", "refund", "stripe"}


def _exit_codes(installation: Installation, service: str) -> set[int]:
    return {container["State"]["ExitCode"] for container in installation.containers(service)}


def _buy_in_the_shop(installation: Installation, email: str) -> tuple[int, int]:
    """What the shop's page does in a browser, header for header; the size of the picture that the customer gets."""
    shop = installation.address("shop")
    with requests.Session() as browser:
        browser.trust_env = False
        page = browser.get(f"{shop}/", timeout=10)
        api = _find(r'name="smi-api-root" content="([^"]+)"', page.text)
        assert f"connect-src {installation.address('ingest')}" in page.headers["Content-Security-Policy"]
        browser.headers.update({"Origin": shop, "Referer": f"{shop}/"})
        answer = browser.post(
            f"{api}/create-checkout",
            data={"attachment_id": CAT, "post_id": 1, "resolution": "4x", "email": email},
            timeout=15,
        )
        assert answer.headers["Access-Control-Allow-Origin"] == shop, answer.text
        order = answer.json()
        back = browser.post(
            order["checkout_url"], data={"action": "pay", "email": email}, timeout=15, allow_redirects=False
        )
        assert back.headers["Location"].startswith(f"{shop}/?smi_payment=success")
        await_condition(lambda: _status(browser, api, order["job_id"])["status"] == "completed", 60, "the delivery")
        token = _status(browser, api, order["job_id"])["download_url"].rpartition("/")[2]
        picture = browser.get(f"{api}/download/{token}", timeout=30)
        await_condition(lambda: _mailed(installation, email), 30, "the mail with the link")
    return Image.open(BytesIO(picture.content)).size


def _status(browser: requests.Session, api: str, ticket: str) -> dict[str, Any]:
    return dict(browser.get(f"{api}/job-status/{ticket}", timeout=10).json()["data"])


def _mailed(installation: Installation, email: str) -> bool:
    return email in requests.get(f"{installation.address('inbox')}/api/mails", timeout=10).text


def _find(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found, f"{pattern} is not in the page"
    return found.group(1)


def test_every_container_of_the_sandbox_is_in_this_test(tmp_path: Path) -> None:
    command = compose_command()
    assert command is not None, NO_COMPOSE
    listed = Installation("enlarger-test", tmp_path, command).compose("config", "--services").split()
    assert sorted(listed) == sorted((*WORKERS, *STAND_INS, *SERVERS))
    assert example_values("A=1\n#B=2\n# C\n") == {"A": "1"}
