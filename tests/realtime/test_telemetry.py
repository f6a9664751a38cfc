from __future__ import annotations

import sys
from urllib.request import urlopen

import pytest

from rimlight.errors import MissingExtraError, SinkError

from .control.streams import PATIENCE_S, going, resting


def scraped(port: int) -> dict[str, float]:
    parser = pytest.importorskip("prometheus_client.parser")
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S) as reply:
        families = parser.text_string_to_metric_families(reply.read().decode())
    return {
        sample.name + "".join(f",{value}" for _, value in sorted(sample.labels.items())): sample.value
        for family in families for sample in family.samples
    }  # fmt: skip


def test_a_scrape_tells_frames_states_stages_and_backend() -> None:
    pytest.importorskip("prometheus_client")
    from rimlight.realtime.telemetry import serve_metrics

    live = resting()
    port, close = serve_metrics(live, 0)
    try:
        assert scraped(port)["rimlight_state,cover"] == 1.0
        with going(live) as shown:
            assert shown.wait(PATIENCE_S)
            found = scraped(port)
        assert found["rimlight_frames_total,out"] > found["rimlight_frames_total,covered"] > 0
        assert found["rimlight_frames_total,in"] > 0
        assert found["rimlight_faults_total"] == 0
        states = [found[f"rimlight_state,{state}"] for state in ("cover", "live", "degraded")]
        assert sorted(states) == [0.0, 0.0, 1.0]
        assert found["rimlight_stage_seconds_count,matte"] > 0
        assert found["rimlight_stage_seconds_sum,matte"] > 0
        quantiles = [found[f"rimlight_stage_seconds,{quantile},latency"] for quantile in ("0.5", "0.95", "0.99")]
        assert 0 < quantiles[0] <= quantiles[1] <= quantiles[2]
        assert any(name.startswith("rimlight_backend_info,numpy") for name in found)
        with pytest.raises(SinkError, match="cannot be used for metrics"):
            serve_metrics(live, port)
    finally:
        close()


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from rimlight.realtime.telemetry import serve_metrics

    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(MissingExtraError, match=r"rimlight\[metrics\]"):
        serve_metrics(resting(), 0)
