"""Figures of a gateway for Prometheus; no figure carries a session's id, a name or an address."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from rimlight.realtime.serve.cluster.registry import Registry, Worker

STATES = ("ready", "full", "draining", "failing")


class GatewayCollector(Collector):
    """Asks the registry when somebody scrapes."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        """The families of metrics; see docs/cluster.md."""
        workers = list(self._registry)
        states = GaugeMetricFamily("rimlight_gateway_workers", "Workers by whether they take anybody", labels=["state"])
        for state in STATES:
            states.add_metric([state], sum(one.state == state for one in workers))
        yield states
        sessions = sum(one.report.sessions for one in workers)
        yield GaugeMetricFamily("rimlight_gateway_sessions", "Sessions of all workers", sessions)
        viewers = sum(one.report.viewers for one in workers)
        yield GaugeMetricFamily("rimlight_gateway_viewers", "Viewers of all workers", viewers)
        room = sum(one.room for one in workers if not one.failed)
        yield GaugeMetricFamily("rimlight_gateway_room", "Usual sessions that would still be let in", room)
        yield GaugeMetricFamily("rimlight_gateway_used", "Share of the room that is taken; scale by it", used(workers))
        events = CounterMetricFamily("rimlight_gateway_events", "What happened", labels=["event"])
        for event, count in self._registry.events.items():
            events.add_metric([event.replace(" ", "_")], count)
        yield events


def used(workers: Iterable[Worker]) -> float:
    """Share of the room that is taken at workers that answer and do not drain, 0..1; 1 where there is none."""
    staying = [one for one in workers if one.state in ("ready", "full")]
    taken = sum(one.report.sessions + one.placed for one in staying)
    whole = taken + sum(one.room for one in staying)
    return taken / whole if whole else 1.0


def exposition(registry: Registry) -> bytes:
    """The text that Prometheus reads."""
    collected = CollectorRegistry()
    collected.register(GatewayCollector(registry))
    return generate_latest(collected)
