"""The autoscaler's rule as Kubernetes computes it (HorizontalPodAutoscaler v2, a metric of type Object with a Value).

The usual figures are those of packaging/kubernetes/autoscaler.yaml; a test compares them.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

EVERY_S = 15.0  # between two looks of the controller
TOLERANCE = 0.1  # of the ratio to 1, within which nothing is changed
METRIC = "rimlight_gateway_used"


@dataclass(frozen=True, slots=True)
class Rule:
    """target: share of the room that shall be taken. least, most: workers. lag_s: age of the metric when it is read.

    up_percent, up_pods, up_period_s: at most so much more (the larger of both counts) in a period. down_window_s: the
    highest wish in it counts before workers go; down_percent, down_period_s: of those that may go.
    """

    target: float = 0.7
    least: int = 2
    most: int = 1000
    up_percent: int = 100
    up_pods: int = 10
    up_period_s: float = 15.0
    down_window_s: float = 1800.0
    down_percent: int = 10
    down_period_s: float = 60.0
    lag_s: float = 30.0


@dataclass(slots=True)
class Autoscaler:
    """replicas: wanted now. What was seen, wished and changed lately is kept for as long as the rule asks.

    What it begins with counts as wished, as it does for Kubernetes.
    """

    rule: Rule
    replicas: int
    _seen: deque[tuple[float, float]] = field(default_factory=deque)
    _wishes: deque[tuple[float, int]] = field(default_factory=deque)
    _changes: deque[tuple[float, int]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._wishes.append((0.0, self.replicas))

    def look(self, now_s: float, used: float, ready: int) -> int:
        """Replicas wanted from now on. used: the metric of this moment; ready: workers that run and are not going."""
        rule = self.rule
        ratio = self._late(now_s, used) / rule.target
        wish = self.replicas if abs(ratio - 1) <= TOLERANCE else math.ceil(ratio * ready)
        self._wishes.append((now_s, wish))
        while self._wishes[0][0] < now_s - rule.down_window_s:
            self._wishes.popleft()
        if wish < self.replicas:
            wish = min(self.replicas, max(wished for _, wished in self._wishes))
        limited = min(max(wish, self._least(now_s)), self._most(now_s))
        fresh = min(max(limited, rule.least), rule.most)
        while self._changes and self._changes[0][0] < now_s - max(rule.up_period_s, rule.down_period_s):
            self._changes.popleft()
        if fresh != self.replicas:
            self._changes.append((now_s, fresh - self.replicas))
            self.replicas = fresh
        return self.replicas

    def _late(self, now_s: float, used: float) -> float:
        self._seen.append((now_s, used))
        while len(self._seen) > 1 and self._seen[1][0] <= now_s - self.rule.lag_s:
            self._seen.popleft()
        return self._seen[0][1]

    def _most(self, now_s: float) -> int:
        before = self.replicas - self._changed(now_s - self.rule.up_period_s, 1)
        return max(math.ceil(before * (1 + self.rule.up_percent / 100)), before + self.rule.up_pods)

    def _least(self, now_s: float) -> int:
        before = self.replicas - self._changed(now_s - self.rule.down_period_s, -1)
        return math.floor(before * (1 - self.rule.down_percent / 100))

    def _changed(self, since_s: float, sign: int) -> int:
        """Replicas that came (sign 1) or went (-1) after that moment."""
        return sum(change for at_s, change in self._changes if at_s > since_s and change * sign > 0)
