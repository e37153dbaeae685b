"""The Helm chart: rendered by Helm itself, each manifest checked offline: against Kubernetes' own schemas, and those
for KEDA and the Prometheus operator against what we keep of theirs.
"""

import importlib
import platform
import re
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import kubernetes_validate as kubernetes  # type: ignore[import-untyped] # ships none
import pytest
import yaml
from jsonschema import Draft7Validator, ValidationError

from cli.docs import WORKERS
from cli.environments import S3
from common.topology import queues
from common.version import VERSION
from local.bootstrap import ROOT
from tests.unit.deploy.needs import megabytes, needed_mb

if (sys.platform, platform.machine()) != ("linux", "x86_64"):
    pytest.skip("Helm's library has no wheel for this machine", allow_module_level=True)
helm = importlib.import_module("helm_python")

CHART = ROOT / "deploy/helm/enlarger"
KUBERNETES = ("1.28", "1.34")
OPERATORS: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("operators.yaml").read_text("utf-8"))
CUSTOM = OPERATORS.keys() - {"definitions"}
GIVEN = {
    "settings": {
        "PUBLIC_URL": "https://pictures.example.com",
        "STORAGE_URL": "s3://bucket/pictures",
        "MAIL_FROM": "orders@example.com",
        "SUPPORT_EMAIL": "help@example.com",
    }
}
# Lanes of the chart -> whose settings they read.
READS = {
    "ingest": "ingest", "submit": "submitter", "watch": "poller", "clock": "poller", "census": "poller",
    "deliver": "finisher, deliver", "refund": "finisher, refund", "notify": "notifier",
}  # fmt: skip


def _rendered(values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    with helm.Chart.load(CHART) as chart:
        for text in chart.render(values=values, name="shop").values():
            yield from (manifest for manifest in yaml.safe_load_all(text) if manifest)


@pytest.fixture(scope="module")
def manifests() -> list[dict[str, Any]]:
    return list(_rendered(GIVEN))


def _of(manifests: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"].removeprefix("shop-"): each for each in manifests if each["kind"] == kind}


def _policies(manifests: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The lanes'."""
    return {name: each for name, each in _of(manifests, "NetworkPolicy").items() if name != "migrate"}


def _container(workload: dict[str, Any]) -> dict[str, Any]:
    return dict(workload["spec"]["template"]["spec"]["containers"][0])


def _variables(workload: dict[str, Any]) -> set[str]:
    return {variable["name"] for variable in _container(workload)["env"]}


@pytest.mark.parametrize("version", KUBERNETES)
def test_every_manifest_is_valid(manifests: list[dict[str, Any]], version: str) -> None:
    kinds = {manifest["kind"] for manifest in manifests}
    assert kinds >= CUSTOM | {"Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy", "Job", "ConfigMap"}
    for manifest in manifests:
        if manifest["kind"] not in CUSTOM:
            kubernetes.validate(manifest, version, strict=True)


def _validate_custom(manifest: dict[str, Any]) -> None:
    schema = OPERATORS[manifest["kind"]] | {"definitions": OPERATORS["definitions"]}
    Draft7Validator(schema).validate(manifest)


def test_every_manifest_for_an_operator_is_valid(manifests: list[dict[str, Any]]) -> None:
    for manifest in manifests:
        if manifest["kind"] in CUSTOM:
            _validate_custom(manifest)


WRONG: dict[str, tuple[str, Callable[[dict[str, Any]], Any]]] = {
    "a field that does not exist": ("ScaledObject", lambda spec: spec.update(minReplicas=1)),
    "a field that is missing": ("ScaledObject", lambda spec: spec.pop("triggers")),
    "a text where a number belongs": ("ScaledObject", lambda spec: spec.update(minReplicaCount="1")),
    "a number where a text belongs": ("ScaledObject", lambda spec: spec["triggers"][0]["metadata"].update(value=20)),
    "a field in the wrong place": ("ServiceMonitor", lambda spec: spec.update(path="/metrics")),
    "a selector of another shape": ("ServiceMonitor", lambda spec: spec.update(selector="enlarger")),
    "a secret without its key": ("TriggerAuthentication", lambda spec: spec["secretTargetRef"][0].pop("key")),
}


@pytest.mark.parametrize(("kind", "spoil"), WRONG.values(), ids=WRONG.keys())
def test_a_manifest_that_an_operator_would_refuse_is_found(
    manifests: list[dict[str, Any]], kind: str, spoil: Callable[[dict[str, Any]], Any]
) -> None:
    spoilt = deepcopy(next(iter(_of(manifests, kind).values())))
    spoil(spoilt["spec"])
    with pytest.raises(ValidationError):
        _validate_custom(spoilt)


def test_every_lane_has_all_that_belongs_to_one(manifests: list[dict[str, Any]]) -> None:
    for kind in ("Deployment", "Service", "ServiceMonitor", "PodDisruptionBudget"):
        assert set(_of(manifests, kind)) == set(READS), kind
    assert set(_policies(manifests)) == set(READS)


def test_the_migrations_reach_the_database_alone_and_before_they_start(manifests: list[dict[str, Any]]) -> None:
    policy, job = _of(manifests, "NetworkPolicy")["migrate"], _of(manifests, "Job")["migrate"]
    assert {each["port"] for each in _egress(policy)} == {53, 5432}
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    hooks = [each["metadata"]["annotations"] for each in (policy, job)]
    assert hooks[0]["helm.sh/hook"] == hooks[1]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert int(hooks[0]["helm.sh/hook-weight"]) < int(hooks[1].get("helm.sh/hook-weight", "0"))


def test_whoever_decodes_pictures_has_the_memory_for_it(manifests: list[dict[str, Any]]) -> None:
    needed = needed_mb()
    short = {
        lane: limit
        for lane, deployment in _of(manifests, "Deployment").items()
        if megabytes(limit := _container(deployment)["resources"]["limits"]["memory"]) < needed.get(READS[lane], 0)
    }
    assert short == {}


def test_every_lane_is_told_what_it_needs_and_no_other_secret(manifests: list[dict[str, Any]]) -> None:
    [config] = _of(manifests, "ConfigMap").values()
    for lane, deployment in _of(manifests, "Deployment").items():
        fields = WORKERS[READS[lane]].model_fields
        needed = {name.upper() for name, info in fields.items() if info.is_required()}
        secret = {name for name in _variables(deployment) if not name.startswith("AWS_")}
        assert needed <= secret | set(config["data"]), lane
        assert secret <= {name.upper() for name in fields}, lane


def test_only_ingest_and_refund_know_a_stripe_key_and_not_the_same_one(manifests: list[dict[str, Any]]) -> None:
    keys = {
        lane: variable["valueFrom"]["secretKeyRef"]["key"]
        for lane, deployment in _of(manifests, "Deployment").items()
        for variable in _container(deployment)["env"]
        if variable["name"] == "STRIPE_API_KEY"
    }
    assert keys == {"ingest": "stripe-api-key", "refund": "stripe-refund-key"}


def test_every_queue_scales_its_lane_and_the_clock_never_ends(manifests: list[dict[str, Any]]) -> None:
    scaled = _of(manifests, "ScaledObject")
    triggers = [trigger for one in scaled.values() for trigger in one["spec"]["triggers"]]
    watched = {trigger["metadata"]["queueName"] for trigger in triggers if trigger["type"] == "rabbitmq"}
    live = {queue for queue in queues() if not queue.endswith(".dead")}
    assert live - watched == {"ingest.checkout.check"}  # ingest scales on its CPU
    assert all(one["spec"]["minReplicaCount"] >= 1 for one in scaled.values())
    assert "clock" not in scaled
    assert _of(manifests, "Deployment")["clock"]["spec"]["replicas"] >= 1


def test_the_page_about_scaling_says_what_the_chart_does(manifests: list[dict[str, Any]]) -> None:
    page = (ROOT / "docs/scaling.md").read_text()
    rows = {cells[0]: cells for line in page.splitlines() if len(cells := line.strip("| ").split(" | ")) == 5}
    scaled = {lane: one["spec"] for lane, one in _of(manifests, "ScaledObject").items() if lane != "ingest"}
    for lane, spec in scaled.items():
        told_of = [trigger["metadata"] for trigger in spec["triggers"]]
        values = ", ".join(f"{each['queueName'].partition('.')[2]} {each['value']}" for each in told_of)
        _, _, *told = rows[lane]
        assert [values, str(spec["minReplicaCount"])] == told[:2], lane
        assert told[2].split(" ")[0] == str(spec["maxReplicaCount"]), lane
    shown = yaml.safe_load(page.partition("```yaml\n")[2].partition("```")[0])["spec"]
    made = scaled["deliver"]
    for name in ("minReplicaCount", "maxReplicaCount", "advanced"):
        assert shown[name] == made[name]
    assert [_asked(trigger) for trigger in shown["triggers"]] == [_asked(trigger) for trigger in made["triggers"]]


def _asked(trigger: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in trigger["metadata"].items() if name != "hostFromEnv"}


def test_metrics_are_called_as_dashboards_and_alerts_ask_for_them(manifests: list[dict[str, Any]]) -> None:
    monitors, services = _of(manifests, "ServiceMonitor"), _of(manifests, "Service")
    assert {services[lane]["metadata"]["labels"][one["spec"]["jobLabel"]] for lane, one in monitors.items()} == {
        "enlarger"
    }
    called = {lane: one["spec"]["endpoints"][0]["relabelings"][0]["replacement"] for lane, one in monitors.items()}
    assert called == {lane: worker.rpartition(" ")[2] for lane, worker in READS.items()}
    rules = (ROOT / "deploy/prometheus/rules.yml").read_text()
    assert all(re.search(rf'service=~?"{service}[|"]', rules) for service in called.values())


def test_a_collector_is_reached_only_where_its_port_is_given(manifests: list[dict[str, Any]]) -> None:
    usual = _policies(manifests).values()
    assert not [policy for policy in usual if {"port": 4318} in _egress(policy)]
    given = _policies(list(_rendered(GIVEN | {"ports": {"tracing": 4318}}))).values()
    assert all({"port": 4318} in _egress(policy) for policy in given)
    assert all({"port": 5432} in _egress(policy) for policy in given)


def test_a_store_at_another_port_and_a_prometheus_that_picks_by_label_are_served() -> None:
    given = list(_rendered(GIVEN | {"ports": {"more": [9000]}, "monitoring": {"labels": {"release": "prometheus"}}}))
    assert all({"port": 9000} in _egress(policy) for policy in _policies(given).values())
    monitors = _of(given, "ServiceMonitor").values()
    labels = [monitor["metadata"]["labels"] for monitor in monitors]
    assert all({"release", "app.kubernetes.io/component"} <= one.keys() for one in labels)


def _egress(policy: dict[str, Any]) -> list[dict[str, Any]]:
    return [port for rule in policy["spec"]["egress"] for port in rule["ports"]]


def test_whoever_keeps_files_gets_the_store_s_account_and_nobody_else(manifests: list[dict[str, Any]]) -> None:
    told = {
        lane: {name for name in _variables(one) if name in S3} for lane, one in _of(manifests, "Deployment").items()
    }
    keeping = {lane for lane in READS if "storage_url" in WORKERS[READS[lane]].model_fields}
    account = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT_URL"}
    assert told == {lane: account if lane in keeping else set() for lane in READS}


def test_the_shop_stays_in_its_service_while_the_broker_is_away(manifests: list[dict[str, Any]]) -> None:
    deployments = _of(manifests, "Deployment")
    ports = {lane: _container(one)["readinessProbe"]["httpGet"]["port"] for lane, one in deployments.items()}
    assert {lane for lane, port in ports.items() if port == "http"} == {"ingest"}


def test_the_shop_answers_until_no_proxy_asks_it_any_more(manifests: list[dict[str, Any]]) -> None:
    deployments = _of(manifests, "Deployment")
    assert {lane for lane, one in deployments.items() if "preStop" in _container(one).get("lifecycle", {})} == {
        "ingest"
    }


def test_every_pod_is_unprivileged(manifests: list[dict[str, Any]]) -> None:
    for workload in [*_of(manifests, "Deployment").values(), *_of(manifests, "Job").values()]:
        pod, container = workload["spec"]["template"]["spec"], _container(workload)
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["automountServiceAccountToken"] is False
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]


def test_pods_run_as_the_service_account_that_is_given(manifests: list[dict[str, Any]]) -> None:
    given = list(_rendered(GIVEN | {"serviceAccount": "pictures"}))
    for made, expected in ((manifests, None), (given, "pictures")):
        workloads = [*_of(made, "Deployment").values(), *_of(made, "Job").values()]
        assert {one["spec"]["template"]["spec"].get("serviceAccountName") for one in workloads} == {expected}


def test_what_must_be_decided_is_asked_for() -> None:
    with pytest.raises(helm.HelmError, match=r"settings\.PUBLIC_URL must be given"):
        list(_rendered({}))


def test_the_chart_is_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == VERSION
