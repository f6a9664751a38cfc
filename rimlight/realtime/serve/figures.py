"""Figures of the service for Prometheus; no figure carries a session's id, a name or an address."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from rimlight.realtime.safety import State
from rimlight.realtime.serve.service import Service

KINDS = ("in", "skipped", "dropped", "out", "out_live", "out_degraded", "out_cover")


class ServiceCollector(Collector):
    """Asks the service when somebody scrapes; frames of sessions that ended still count."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterable[Metric]:
        """The families of metrics; see docs/webrtc.md."""
        service = self._service
        sessions = list(service.sessions.values())
        states = GaugeMetricFamily("rimlight_serve_sessions", "Sessions by what they show", labels=["state"])
        for state in State:
            states.add_metric([state.value], sum(one.stream.state is state for one in sessions))
        yield states
        viewers = sum(len(one.viewers) for one in sessions)
        yield GaugeMetricFamily("rimlight_serve_viewers", "Viewers of published videos", viewers)
        load = service.capacity.load(service.demands())
        yield GaugeMetricFamily("rimlight_serve_load", "Share of the machine that sessions ask for", load)
        yield GaugeMetricFamily("rimlight_serve_draining", "1 while nobody new is let in", float(service.draining))
        events = CounterMetricFamily("rimlight_serve_events", "What happened", labels=["event"])
        for event, count in service.events.items():
            events.add_metric([event.replace(" ", "_")], count)
        yield events
        frames = CounterMetricFamily("rimlight_serve_frames", "Frames of all sessions", labels=["kind"])
        totals = service.frames()
        for kind in KINDS:
            frames.add_metric([kind], totals[kind])
        yield frames
        yield _stages(service)
        yield from service.latency.collect()


def _stages(service: Service) -> Metric:
    """Seconds of the engine's stages."""
    stages = Metric("rimlight_serve_stage_seconds", "Time of the engine's stages", "summary")
    for stage, (calls, seconds) in service.stats.totals().items():
        stages.add_sample("rimlight_serve_stage_seconds_count", {"stage": stage}, calls)
        stages.add_sample("rimlight_serve_stage_seconds_sum", {"stage": stage}, seconds)
    return stages


def exposition(service: Service) -> bytes:
    """The text that Prometheus reads."""
    registry = CollectorRegistry()
    registry.register(ServiceCollector(service))
    return generate_latest(registry)
