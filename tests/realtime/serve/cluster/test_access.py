"""Who may register a worker, and what the command refuses before anything listens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from rimlight.errors import ConfigError
from rimlight.realtime.serve.cluster import run as run_module
from rimlight.realtime.serve.guard import Access, admits, needed
from rimlight.realtime.serve.listening import Place
from rimlight.realtime.serve.paths import WORKERS
from rimlight.serve_command import serve_command
from tests.served import TOKENS, check_scraped, would_serve

TOKEN, CLUSTER = "client-token-0123456789", "cluster-token-0123456789"
ROLES = [
    (["--role", "gateway", "--max-sessions", "3"], "--max-sessions says nothing to a gateway"),
    (["--role", "gateway", "--gateway", "http://a:1"], "--gateway says nothing to a gateway"),
    (["--role", "worker", "--gateway", "http://a:1", "--allow-origin", "http://b"], "--allow-origin says nothing to a"),
    (["--role", "worker", "--gateway", "http://a:1", "--offers-per-minute", "5"], "--offers-per-minute says nothing"),
    (["--role", "worker"], "a worker needs a gateway"),
    (["--role", "worker", "--gateway", "a:1"], "expected a worker's address"),
    (["--advertise", "http://a:1"], "--advertise says nothing to a service that is alone"),
    (["--role", "gateway", "--host", "0.0.0.0"], "without a token anybody could use the service"),
]  # fmt: skip


def test_only_the_clusters_token_is_good_for_workers_and_for_nothing_else() -> None:
    assert needed("POST", WORKERS) == "cluster"
    access = Access(TOKEN, cluster_token=CLUSTER)
    assert admits(access, "cluster", [f"Bearer {CLUSTER}"])
    for given in (TOKEN, CLUSTER + "x", CLUSTER[:-1], CLUSTER.upper(), ""):
        assert not admits(access, "cluster", [f"Bearer {given}"])
    assert not admits(access, "cluster", [])
    assert not admits(access, "cluster", [CLUSTER])
    assert not admits(access, "full", [f"Bearer {CLUSTER}"])


def test_a_service_without_a_cluster_takes_no_worker() -> None:
    for access in (Access(), Access(TOKEN)):
        assert not any(admits(access, "cluster", given) for given in ([], ["Bearer "], [f"Bearer {TOKEN}"]))


def test_the_clusters_token_is_nobody_elses_and_is_never_printed() -> None:
    with pytest.raises(ConfigError, match="choose one that differs"):
        Access(CLUSTER, cluster_token=CLUSTER)
    with pytest.raises(ConfigError, match="choose one that differs"):
        Access(TOKEN, CLUSTER, cluster_token=CLUSTER)
    assert CLUSTER not in repr(Access(TOKEN, cluster_token=CLUSTER))


@pytest.mark.parametrize(("options", "said"), ROLES, ids=[" ".join(options) for options, _ in ROLES])
def test_options_that_would_have_no_effect_are_refused(
    options: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RIMLIGHT_CLUSTER_TOKEN", CLUSTER)
    result = CliRunner().invoke(serve_command, options)
    assert isinstance(result.exception, ConfigError)
    assert said in str(result.exception)


@pytest.mark.parametrize(
    "role", [["single"], ["gateway"], ["worker", "--gateway", "http://a:1"]], ids=lambda one: one[0]
)
def test_every_role_takes_a_token_for_figures(role: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text(TOKENS["RIMLIGHT_METRICS_TOKEN"] + "\n")
    for option, more in (
        ([], {"RIMLIGHT_METRICS_TOKEN": TOKENS["RIMLIGHT_METRICS_TOKEN"]}),
        (["--metrics-token-file", str(file)], {}),
    ):
        found = would_serve(
            ["serve", "--role", *role, *option], TOKENS | {"RIMLIGHT_METRICS_TOKEN": ""} | more, monkeypatch
        )
        check_scraped(found)


def test_the_limit_of_offers_is_the_one_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for role in ("single", "gateway"):
        words = ["serve", "--role", role]
        assert would_serve(words, TOKENS, monkeypatch).access.offers_per_minute == Access().offers_per_minute
        assert would_serve([*words, "--offers-per-minute", "5"], TOKENS, monkeypatch).access.offers_per_minute == 5


@pytest.mark.parametrize("role", ["gateway", "worker"])
def test_a_role_without_the_clusters_token_is_refused(role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RIMLIGHT_CLUSTER_TOKEN", raising=False)
    result = CliRunner().invoke(serve_command, ["--role", role, *(["--gateway", "http://a:1"] * (role == "worker"))])
    assert isinstance(result.exception, ConfigError)
    assert "RIMLIGHT_CLUSTER_TOKEN" in str(result.exception)


def test_a_gateway_others_can_reach_needs_tls_or_a_proxy() -> None:
    access = Access(TOKEN * 2, cluster_token=CLUSTER, loopback=False)
    with pytest.raises(ConfigError, match="in the clear"):
        run_module.serve_gateway(access, Place("0.0.0.0", 0))


def test_a_gateway_loads_nothing_that_decodes_or_mattes() -> None:
    code = (
        "import sys, rimlight.realtime.serve.cluster.run; "
        "heavy = {'aiortc', 'av', 'onnxruntime', 'openvino', 'torch'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
