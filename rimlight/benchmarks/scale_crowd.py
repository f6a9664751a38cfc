"""Who comes when: arrivals over a day, how long they stay, and what their videos ask for.

All of it is assumed, nothing is measured. The day is an office's. A share of the people come to meetings, which begin
at full and half hours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from rimlight.realtime.serve.capacity import Demand
from rimlight.realtime.serve.measures import Look
from rimlight.realtime.serve.options import Bounds
from rimlight.types import Size

Doubles: TypeAlias = npt.NDArray[np.float64]
Numbers: TypeAlias = npt.NDArray[np.int64]

HOURLY = (
    0.04, 0.03, 0.03, 0.03, 0.04, 0.06, 0.15, 0.35, 0.70, 1.00, 0.98, 0.90,
    0.70, 0.80, 0.95, 0.97, 0.85, 0.65, 0.45, 0.35, 0.28, 0.20, 0.12, 0.07,
)  # fmt: skip  # arrivals at each full hour, of the most
MEETING_S, LATE_S = 1800.0, 60.0  # between two beginnings; how far people come from them, as a standard deviation
STEP_S = 10.0


@dataclass(frozen=True, slots=True)
class Kind:
    """A video that so great a share of the people send."""

    demand: Demand
    share: float


def _kind(width: int, height: int, fps: float, share: float) -> Kind:
    return Kind(Demand(Size(height, width), fps, Look().long_side()), share)


KINDS = (_kind(640, 360, 15, 0.1), _kind(640, 360, 30, 0.25), _kind(1280, 720, 30, 0.55), _kind(1920, 1080, 30, 0.1))


@dataclass(frozen=True, slots=True)
class Crowd:
    """people: expected at once at the peak, if all were let in. hours: from midnight on.

    stay_s, spread: mean of a stay and standard deviation of its logarithm, which is normal; nobody stays beyond
    longest_s. punctual: share that comes to meetings.
    """

    people: float = 10_000.0
    hours: float = 24.0
    stay_s: float = 1800.0
    spread: float = 1.0
    longest_s: float = Bounds().duration_s
    punctual: float = 0.3
    kinds: tuple[Kind, ...] = KINDS


@dataclass(frozen=True, slots=True)
class Arrivals:
    """People in the order of their coming: when, for how long, and with which of the kinds."""

    at_s: Doubles  # (N)
    stay_s: Doubles  # (N)
    kind: Numbers  # (N)


def draw(crowd: Crowd, rng: np.random.Generator) -> Arrivals:
    """A day of people: a Poisson process with the rate of the hour."""
    counts = rng.poisson(rate(crowd) * STEP_S)
    begins = np.repeat(np.arange(len(counts)) * STEP_S, counts)
    at_s = np.sort(begins + rng.uniform(0, STEP_S, len(begins)))
    stay_s = np.minimum(rng.lognormal(_centre(crowd), crowd.spread, len(at_s)), crowd.longest_s)
    kind = rng.choice(len(crowd.kinds), len(at_s), p=[one.share for one in crowd.kinds])
    return Arrivals(at_s, stay_s, kind)


def rate(crowd: Crowd) -> Doubles:
    """Expected arrivals a second in each step of the day, such that the most people at once are those asked for."""
    shape = _shape(crowd)
    return shape * crowd.people / _present(crowd, shape).max()  # type: ignore[no-any-return]


def expected(crowd: Crowd) -> Doubles:
    """People at once in each step of the day, if all are let in."""
    return _present(crowd, rate(crowd))


def _shape(crowd: Crowd) -> Doubles:
    now_s = np.arange(0.0, crowd.hours * 3600, STEP_S)
    smooth = np.interp(now_s / 3600 % 24, np.arange(25), [*HOURLY, HOURLY[0]])
    away_s = (now_s + MEETING_S / 2) % MEETING_S - MEETING_S / 2
    pulse = np.exp(-0.5 * (away_s / LATE_S) ** 2) * MEETING_S / (LATE_S * math.sqrt(2 * math.pi))  # of mean 1
    return smooth * (1 - crowd.punctual + crowd.punctual * pulse)


def _present(crowd: Crowd, arrivals: Doubles) -> Doubles:
    """Who came before and has not gone: the mean of a service with places for all (M/G/infinity)."""
    normal = NormalDist(_centre(crowd), crowd.spread)
    ages_s = np.arange(STEP_S / 2, crowd.longest_s, STEP_S)
    stays = np.array([1 - normal.cdf(math.log(age_s)) for age_s in ages_s])
    return np.convolve(arrivals, stays)[: len(arrivals)] * STEP_S


def _centre(crowd: Crowd) -> float:
    return math.log(crowd.stay_s) - crowd.spread**2 / 2
