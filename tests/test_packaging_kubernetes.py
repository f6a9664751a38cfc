"""The manifests, judged by Kubernetes' own schemas, and by the code whose options and metrics they name."""

from __future__ import annotations

import copy
import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, need
from tests.served import TOKENS, check_safe, check_scraped, would_serve

yaml = pytest.importorskip("yaml", reason="PyYAML (with kubernetes-validate, extra dev) is not installed")

FOLDER = ROOT / "packaging" / "kubernetes"
VERSIONS = ("1.29", "1.37")  # the oldest and the newest that are promised
POD_IP = "10.1.2.3"


def documents(path: Path) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(path.read_text()) if one]


MANIFESTS = [one for path in sorted(FOLDER.glob("*.yaml")) for one in documents(path)]
NAMES = [f"{one['kind']}/{one['metadata']['name']}" for one in MANIFESTS]


def manifest(kind: str, name: str) -> dict[str, Any]:
    return MANIFESTS[NAMES.index(f"{kind}/{name}")]


def pod(role: str) -> dict[str, Any]:
    return manifest("Deployment", f"rimlight-{role}")["spec"]["template"]["spec"]  # type: ignore[no-any-return]


def container(role: str) -> dict[str, Any]:
    (found,) = pod(role)["containers"]
    return found  # type: ignore[no-any-return]


def option(role: str, name: str) -> str:
    words = container(role)["args"]
    return words[words.index(name) + 1]  # type: ignore[no-any-return]


def validator() -> Any:
    there = importlib.util.find_spec("kubernetes_validate") is not None
    need("kubernetes-validate", there, "kubernetes-validate (extra dev) is not installed")
    import kubernetes_validate

    return kubernetes_validate


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", NAMES)
def test_a_manifest_fits_the_schema(name: str, version: str) -> None:
    validator().validate(MANIFESTS[NAMES.index(name)], version, strict=True)


def test_the_schema_refuses_what_kubernetes_would() -> None:
    for path, value in (("target", {}), ("metric", {}), ("more", 1)):
        broken = copy.deepcopy(manifest("HorizontalPodAutoscaler", "rimlight-worker"))
        broken["spec"]["metrics"][0]["object"][path] = value
        with pytest.raises(validator().ValidationError):
            validator().validate(broken, VERSIONS[-1], strict=True)


def test_there_is_all_of_it_and_no_namespace() -> None:
    assert sorted(NAMES) == [
        "Deployment/rimlight-gateway", "Deployment/rimlight-worker",
        "HorizontalPodAutoscaler/rimlight-gateway", "HorizontalPodAutoscaler/rimlight-worker",
        "NetworkPolicy/rimlight-gateway", "NetworkPolicy/rimlight-worker", "PodDisruptionBudget/rimlight-gateway",
        "PodDisruptionBudget/rimlight-worker", "Service/rimlight", "Service/rimlight-gateway",
    ]  # fmt: skip
    assert not any("namespace" in one["metadata"] for one in MANIFESTS)


def test_selectors_find_the_pods_that_they_mean() -> None:
    labels = {role: manifest("Deployment", f"rimlight-{role}")["spec"]["template"]["metadata"]["labels"]
              for role in ("gateway", "worker")}  # fmt: skip
    for one in MANIFESTS:
        spec, role = one["spec"], "worker" if one["metadata"]["name"].endswith("worker") else "gateway"
        for selector in (spec.get("selector"), spec.get("podSelector")):
            if selector:
                assert selector.get("matchLabels", selector) == labels[role], one["metadata"]["name"]
    for role in ("gateway", "worker"):
        target = manifest("HorizontalPodAutoscaler", f"rimlight-{role}")["spec"]["scaleTargetRef"]
        assert f"{target['kind']}/{target['name']}" == f"Deployment/rimlight-{role}"
        assert "replicas" not in manifest("Deployment", f"rimlight-{role}")["spec"]


def test_gateways_are_added_where_the_document_counts_them_full() -> None:
    from rimlight.benchmarks.scale_tables import GATEWAY_FULL

    (metric,) = manifest("HorizontalPodAutoscaler", "rimlight-gateway")["spec"]["metrics"]
    assert metric["resource"]["target"]["averageUtilization"] == 100 * GATEWAY_FULL
    assert container("gateway")["resources"]["requests"]["cpu"] == "1"  # which the share is of


def exported() -> set[str]:
    """Names of the metrics that a gateway answers with."""
    pytest.importorskip("prometheus_client", reason="prometheus-client (extra webrtc) is not installed")
    from rimlight.realtime.serve.cluster.figures import GatewayCollector
    from rimlight.realtime.serve.cluster.registry import Registry

    return {one.name for one in GatewayCollector(Registry()).collect()}


def test_the_autoscaler_asks_for_a_metric_that_gateways_export() -> None:
    from rimlight.benchmarks.scale_rule import METRIC

    (metric,) = manifest("HorizontalPodAutoscaler", "rimlight-worker")["spec"]["metrics"]
    assert metric["object"]["metric"]["name"] == METRIC
    assert METRIC in exported()
    described = metric["object"]["describedObject"]
    assert f"{described['kind']}/{described['name']}" in NAMES


def test_the_adapter_brings_that_metric_of_that_service() -> None:
    (adapter,) = documents(FOLDER / "monitoring" / "prometheus-adapter.yaml")
    (rule,) = adapter["rules"]["custom"]
    (metric,) = manifest("HorizontalPodAutoscaler", "rimlight-worker")["spec"]["metrics"]
    name = metric["object"]["metric"]["name"]
    assert rule["name"]["as"] == name
    assert re.match(rule["name"]["matches"], name)
    assert rule["seriesQuery"].startswith(name + "{")
    (scrape,) = documents(FOLDER / "monitoring" / "prometheus-scrape.yaml")
    (job,) = scrape["scrape_configs"]
    relabel = job["relabel_configs"]
    assert {"namespace", "service"} <= {one.get("target_label") for one in relabel}
    (kept,) = [one["regex"] for one in relabel if one.get("action") == "keep"]
    assert kept == metric["object"]["describedObject"]["name"]


def test_prometheus_comes_with_the_token_for_figures_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    (scrape,) = documents(FOLDER / "monitoring" / "prometheus-scrape.yaml")
    (job,) = scrape["scrape_configs"]
    kept = Path(job["authorization"]["credentials_file"]).name
    keys = {one["name"]: one.get("valueFrom", {}).get("secretKeyRef", {}) for one in container("gateway")["env"]}
    assert keys["RIMLIGHT_METRICS_TOKEN"]["key"] == kept
    assert [reference.get("key") for reference in keys.values()].count(kept) == 1
    given = environment("gateway") | {"RIMLIGHT_METRICS_TOKEN": TOKENS["RIMLIGHT_METRICS_TOKEN"]}
    check_scraped(would_serve(container("gateway")["args"], given, monkeypatch))


def test_the_simulation_has_the_autoscalers_figures() -> None:
    from rimlight.benchmarks.scale_rule import Rule
    from rimlight.benchmarks.scale_simulation import Plant
    from rimlight.realtime.serve.cluster.registry import MOST_WORKERS

    spec = manifest("HorizontalPodAutoscaler", "rimlight-worker")["spec"]
    (metric,) = spec["metrics"]
    up, down = spec["behavior"]["scaleUp"], spec["behavior"]["scaleDown"]
    percent, pods = up["policies"]
    (less,) = down["policies"]
    assert (percent["type"], pods["type"], less["type"]) == ("Percent", "Pods", "Percent")
    assert percent["periodSeconds"] == pods["periodSeconds"]
    assert up["stabilizationWindowSeconds"] == 0
    rule = Rule()
    assert rule == Rule(
        int(metric["object"]["target"]["value"].removesuffix("m")) / 1000, spec["minReplicas"], spec["maxReplicas"],
        percent["value"], pods["value"], percent["periodSeconds"], down["stabilizationWindowSeconds"], less["value"],
        less["periodSeconds"], rule.lag_s,
    )  # fmt: skip
    assert rule.most <= MOST_WORKERS
    assert Plant().drain_s == float(option("worker", "--drain"))


def environment(role: str) -> dict[str, str]:
    """Of a container: values as they stand, tokens in place of secrets."""
    found = {}
    for one in container(role)["env"]:
        source = one.get("valueFrom", {})
        if "fieldRef" in source:
            found[one["name"]] = POD_IP
        elif not source.get("secretKeyRef", {}).get("optional"):
            found[one["name"]] = TOKENS[one["name"]]
    return found


@pytest.mark.parametrize("role", ["gateway", "worker"])
def test_the_command_takes_these_options(role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [word.replace("$(POD_IP)", POD_IP) for word in container(role)["args"]]
    found = would_serve(words, environment(role), monkeypatch)
    check_safe(found)
    (port,) = container(role)["ports"]
    assert (found.place.host, found.place.port) == ("0.0.0.0", port["containerPort"])


def test_workers_tell_the_service_that_has_all_gateways(monkeypatch: pytest.MonkeyPatch) -> None:
    words = [word.replace("$(POD_IP)", POD_IP) for word in container("worker")["args"]]
    found = would_serve(words, environment("worker"), monkeypatch)
    service = manifest("Service", "rimlight-gateway")
    (port,) = service["spec"]["ports"]
    assert found.membership.gateways == (f"http://rimlight-gateway:{port['port']}",)
    assert found.membership.advertised == f"http://{POD_IP}:8080"
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is True


def test_a_worker_may_drain_before_it_is_killed() -> None:
    assert pod("worker")["terminationGracePeriodSeconds"] > float(option("worker", "--drain"))


def test_a_worker_is_not_stopped_within_a_period_by_a_quota() -> None:
    assert "cpu" not in container("worker")["resources"].get("limits", {})
    assert pod("worker")["hostNetwork"] is True
    assert pod("worker")["dnsPolicy"] == "ClusterFirstWithHostNet"


@pytest.mark.parametrize("role", ["gateway", "worker"])
def test_probes_ask_what_is_answered_without_a_token(role: str) -> None:
    from rimlight.realtime.serve.guard import needed

    probes = {name: one["httpGet"] for name, one in container(role).items() if name.endswith("Probe")}
    assert probes
    for probe in probes.values():
        assert needed("GET", probe["path"]) == "nothing"
        assert probe["port"] in {port["name"] for port in container(role)["ports"]}
    assert probes["readinessProbe"]["path"] == "/healthz"
    draining_is_well = role == "gateway" or probes["livenessProbe"]["path"] != "/healthz"
    assert draining_is_well


@pytest.mark.parametrize("role", ["gateway", "worker"])
def test_nothing_runs_as_root(role: str) -> None:
    assert pod(role)["securityContext"]["runAsNonRoot"] is True
    assert pod(role)["automountServiceAccountToken"] is False
    limits = container(role)["securityContext"]
    assert limits["readOnlyRootFilesystem"] is True
    assert limits["allowPrivilegeEscalation"] is False
    assert limits["capabilities"] == {"drop": ["ALL"]}


def test_tokens_come_from_the_secret_that_the_document_makes() -> None:
    keys = set()
    for role in ("gateway", "worker"):
        for one in container(role)["env"]:
            reference = one.get("valueFrom", {}).get("secretKeyRef")
            assert reference or "TOKEN" not in one["name"]
            keys |= {reference["key"]} if reference else set()
    text = (ROOT / "docs" / "scaling.md").read_text()
    assert "kubectl create secret generic rimlight-tokens" in text
    assert {key for key in keys if f"--from-literal={key}=" in text} == keys


def test_clients_come_to_a_gateway_after_the_workers() -> None:
    """CoreDNS gives a Service's addresses a life of 5 s; after that a worker finds and tells the gateway within 2 s."""
    assert container("gateway")["readinessProbe"]["initialDelaySeconds"] >= 5 + 2


def test_the_documents_advise_the_drain_that_is_deployed() -> None:
    text = "".join((ROOT / "docs" / name).read_text() for name in ("cluster.md", "scaling.md"))
    said = re.findall(r"--drain (\d+)", text)
    assert said
    assert set(said) == {option("worker", "--drain")}
