"""Figures of a live stream for Prometheus, on 127.0.0.1; needs the extra "metrics"."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from rimlight.errors import MissingExtraError, SinkError
from rimlight.realtime.control.describe import frames
from rimlight.realtime.live import Live, Status
from rimlight.realtime.safety import State

QUANTILES = {"0.5": "p50_ms", "0.95": "p95_ms", "0.99": "p99_ms"}


class Collector:
    """Asks the stream for its status whenever somebody scrapes; in between it costs nothing."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def collect(self) -> Iterable[Any]:
        """The families of metrics; see docs/live.md."""
        from prometheus_client import core

        status, totals = self._live.status(), self._live.stats.totals()
        yield from _counters(core, status)
        state = core.GaugeMetricFamily("rimlight_state", "1 for the state that holds", labels=["state"])
        for one in State:
            state.add_metric([one.value], float(one is status.state))
        yield state
        backend = core.InfoMetricFamily("rimlight_backend", "What runs the network", labels=[])
        backend.add_metric([], {"name": status.settings.backend, "device": status.device})
        yield backend
        for name, text in (("fps", "Frames that left in the last second"), ("detail", "Long side for the network")):
            level = {"fps": "fps", "detail": "long_side"}[name]
            yield core.GaugeMetricFamily(f"rimlight_{name}", text, status.stats.levels.get(level, 0.0))
        yield _stages(core, status, totals)


def _counters(core: Any, status: Status) -> Iterable[Any]:
    found = core.CounterMetricFamily("rimlight_frames", "Frames in, out, dropped, skipped, covered", labels=["kind"])
    for kind, count in frames(status.stats).items():
        found.add_metric([kind], count)
    yield found
    faults = status.stats.counts.get("faults", 0)
    yield core.CounterMetricFamily("rimlight_faults", "Faults of camera and network", faults)


def _stages(core: Any, status: Status, totals: dict[str, tuple[int, float]]) -> Any:
    """Seconds of every stage: sum and count since the beginning, quantiles of the last calls."""
    name = "rimlight_stage_seconds"
    found = core.Metric(name, "Time of each stage; latency is from capture to writing", "summary")
    for stage, times in status.stats.stages.items():
        for quantile, field in QUANTILES.items():
            found.add_sample(name, {"stage": stage, "quantile": quantile}, getattr(times, field) / 1e3)
        calls, seconds = totals.get(stage, (times.count, 0.0))
        found.add_sample(f"{name}_count", {"stage": stage}, calls)
        found.add_sample(f"{name}_sum", {"stage": stage}, seconds)
    return found


def serve_metrics(live: Live, port: int) -> tuple[int, Callable[[], None]]:
    """Answer scrapes of http://127.0.0.1:port/metrics; as serve_collector."""
    return serve_collector(Collector(live), port, "--metrics-port")


def serve_collector(collector: Any, port: int, asked_by: str) -> tuple[int, Callable[[], None]]:
    """Answer scrapes with what a collector says; returns the port, for a port of 0, and what ends it.

    asked_by: the option, for the error. Raises MissingExtraError without prometheus-client, SinkError where the port
    cannot be used.
    """
    try:
        from prometheus_client import CollectorRegistry, start_http_server
    except ImportError as error:
        raise MissingExtraError(asked_by, "prometheus-client", "metrics") from error
    registry = CollectorRegistry()
    registry.register(collector)
    try:
        server, _ = start_http_server(port, "127.0.0.1", registry)
    except OSError as error:
        raise SinkError(f"port {port} of 127.0.0.1 cannot be used for metrics: {error.strerror}") from error

    def close() -> None:
        server.shutdown()
        server.server_close()

    return server.server_port, close
