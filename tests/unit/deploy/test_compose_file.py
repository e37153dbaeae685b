"""docker-compose.yml and its settings, read as text: what must hold of it needs no daemon."""

import re
from typing import Any, get_args

import pytest
import yaml

from cli.docs import WORKERS
from cli.doctor.settings import Place, lane_of
from cli.environments import FIXED, S3
from local.bootstrap import ROOT
from tests.unit.deploy.needs import megabytes, needed_mb

SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
TEMPORARY = "/tmp"  # noqa: S108 - in a container of its own
SETTINGS = re.findall(r"^\| `(\w+)` ", (ROOT / "docs/settings.md").read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("name", [name for name in SETTINGS if not name.startswith("TEST_")])
def test_every_setting_of_the_documents_stands_in_the_example(name: str) -> None:
    example = (ROOT / ".env.example").read_text("utf-8")
    fixed = FIXED - {"STORAGE_URL"}
    assert (re.search(rf"^#?{name}=", example, re.MULTILINE) is None) == (name in fixed)


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_hardened_bounded_and_watched(service: str) -> None:
    told = SERVICES[service]
    assert told["read_only"]
    assert told["cap_drop"] == ["ALL"]
    assert told["security_opt"] == ["no-new-privileges:true"]
    assert told["mem_limit"]
    assert told["pids_limit"]
    assert "healthcheck" in told or "env_file" in told  # a worker's stands in the image
    assert "container_name" not in told  # or it could not be scaled
    assert set(told["networks"]) <= {"edge", "inside"}


def test_pages_are_published_on_this_machine_alone() -> None:
    published = [port for told in SERVICES.values() for port in told.get("ports", [])]
    assert [port for port in published if "127.0.0.1" not in port] == []


def test_only_the_edge_and_the_refunds_know_the_stripe_key() -> None:
    files = {service: told["env_file"] for service, told in SERVICES.items() if "env_file" in told}
    knowing = {service for service, file in files.items() if "STRIPE_API_KEY" in (ROOT / file).read_text().split()}
    assert knowing == {"ingest", "refund"}


def test_every_lane_of_every_worker_is_a_service() -> None:
    lanes = {worker.rpartition(" ")[2] for worker in WORKERS}
    assert lanes == {service for service, told in SERVICES.items() if "env_file" in told}


def test_the_doctor_knows_each_of_them_by_its_name() -> None:
    assert list(get_args(Place)) == list(map(lane_of, WORKERS))


@pytest.mark.parametrize("worker", WORKERS)
def test_whoever_keeps_files_has_the_volume_and_nobody_else(worker: str) -> None:
    told = SERVICES[worker.rpartition(" ")[2]]
    keeps = "storage_url" in WORKERS[worker].model_fields
    assert ("STORAGE_URL" in told["environment"]) == keeps
    assert ("files:/var/lib/enlarger" in told.get("volumes", [])) == keeps
    account = set(S3) & set((ROOT / told["env_file"]).read_text().split())
    assert account == (set(S3) if keeps else set())


@pytest.mark.parametrize(("worker", "needed"), needed_mb().items())
def test_whoever_decodes_pictures_has_the_memory_for_it_and_a_disk(worker: str, needed: float) -> None:
    told = SERVICES[worker.rpartition(" ")[2]]
    assert megabytes(told["mem_limit"]) >= needed
    assert TEMPORARY in told["volumes"], "what lies in a tmpfs counts as memory"
    assert TEMPORARY not in told["tmpfs"]


def test_the_store_s_account_stands_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text("utf-8")
    assert [name for name in S3 if not re.search(rf"^#{name}=", example, re.MULTILINE)] == []


def test_the_database_is_where_its_volume_is_whatever_the_image_s_version() -> None:
    postgres = SERVICES["postgres"]
    assert postgres["volumes"] == [f"postgres:{postgres['environment']['PGDATA']}"]
