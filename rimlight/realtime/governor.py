"""Keeps a live stream within its budget: less detail where the machine is too slow, more where it has room again.

The rule is `decide`, a pure function of what is measured about once a second; `Governor` applies it to a running loop.
A frame that is skipped is not shown: the finished one before stays, because a matte belongs to its own frame alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from rimlight.errors import RimlightError
from rimlight.kernels.processors import processors
from rimlight.realtime.stats import Stats
from rimlight.signature import STRIDE
from rimlight.types import Frame, Size

SIDES = (512, 448, 384, 320, 256)  # internal long sides, as far as they lie below where a stream begins
LEAST_SIDE = 64  # that a network takes
MOST_SKIP = 4  # at the lowest side, of how many frames at least one is taken
PERIOD_S = 1.0  # between two looks
BUSY_STAGES = ("matte", "paint")  # not read and write: those wait for a camera and a receiver, which no detail changes


@dataclass(frozen=True, slots=True)
class Budget:
    """What a live stream may use; at least one of the two, the tighter one counts.

    fps: frames per second to be held. cpu_share: 0..1 of all the processors that this process may use.
    """

    fps: float | None = None
    cpu_share: float | None = None

    def __post_init__(self) -> None:
        if self.fps is not None and not 0 < self.fps <= 1000:
            raise RimlightError(f"expected a target of up to 1000 frames per second, such as 30, got {self.fps:g}")
        if self.cpu_share is not None and not 0 < self.cpu_share <= 1:
            raise RimlightError(f"expected a share of the processors above 0 and up to 1, got {self.cpu_share:g}")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the ladder: the internal long side, and of how many frames one is taken."""

    long_side: int
    every: int = 1

    @property
    def cost(self) -> float:
        """Relative to other steps: the network's work grows with the area that it sees."""
        return self.long_side**2 / self.every


@dataclass(frozen=True, slots=True)
class Config:
    """The budget, the ladder from its dearest step to its cheapest, and how patient the rule is.

    frame_rate: frames per second that the source gives. over_s: time over budget before a step down. calm_s: time with
    headroom before a step up; it doubles, up to longest_calm_s, whenever a step up had to be taken back within
    regret_s. settle_s: time after a change in which nothing counts. headroom: share of the budget that a step up may
    come to use.
    """

    budget: Budget
    steps: tuple[Step, ...]
    frame_rate: float = 30.0
    over_s: float = 2.0
    calm_s: float = 10.0
    longest_calm_s: float = 160.0
    regret_s: float = 60.0
    settle_s: float = 3.0
    headroom: float = 0.8


@dataclass(frozen=True, slots=True)
class Measured:
    """The second before: mean seconds that a frame kept the stream busy, and the share of all processors in use."""

    busy_s: float
    cpu_share: float


Mood = Literal["over", "even", "calm"]


@dataclass(frozen=True, slots=True)
class State:
    """Place on the ladder and when it was taken; the mood since when; calm time asked before the next step up."""

    index: int
    changed_s: float
    patience_s: float
    mood: Mood = "even"
    since_s: float = 0.0
    rose_s: float | None = None


def begin(now_s: float, config: Config) -> State:
    """The state at a stream's first frame: the dearest step, and time to settle."""
    return State(0, now_s, config.calm_s)


def decide(state: State, measured: Measured, now_s: float, config: Config) -> tuple[State, Step]:
    """The next state and the step to be on, from what the second before now_s was like; times on one clock."""
    here = config.steps[state.index]
    if now_s - state.changed_s < config.settle_s:
        return state, here
    used = share_used(measured, here, config)
    mood = _mood(used, state.index, config)
    if mood != state.mood:
        state = replace(state, mood=mood, since_s=now_s)
    lasted_s = now_s - state.since_s
    if mood == "over" and lasted_s >= config.over_s and state.index + 1 < len(config.steps):
        state = _down(state, used, now_s, config)
    elif mood == "calm" and lasted_s >= state.patience_s:
        state = replace(state, index=state.index - 1, changed_s=now_s, mood="even", rose_s=now_s)
    return state, config.steps[state.index]


def share_used(measured: Measured, step: Step, config: Config) -> float:
    """How much of the budget is used on a step; above 1 it is exceeded."""
    used, budget = 0.0, config.budget
    if budget.fps is not None:
        used = measured.busy_s * min(budget.fps, config.frame_rate / step.every)
    if budget.cpu_share is not None:
        used = max(used, measured.cpu_share / budget.cpu_share)
    return used


def ladder(long_side: int, frame: Size, skip: int = 1) -> tuple[Step, ...]:
    """Steps from long_side down, without those above the frame's own size: smaller frames are not enlarged.

    skip: of how many frames one is taken from the beginning.
    """
    longest = -(-max(frame.height, frame.width) // STRIDE) * STRIDE
    top = min(long_side, max(LEAST_SIDE, longest))
    sides = (top, *(side for side in SIDES if side < top))
    skips = (Step(sides[-1], skip * times) for times in range(2, MOST_SKIP + 1))
    return (*(Step(side, skip) for side in sides), *skips)


def configure(budget: Budget, long_side: int, frame: Size, rate: Fraction) -> Config:
    """The rule for a source of frames of that size and rate; a source faster than the target is thinned out."""
    skip = int(float(rate) / budget.fps + 0.1) if budget.fps else 1  # 59.94 is twice 30
    return Config(budget, ladder(long_side, frame, max(1, skip)), float(rate))


def _mood(used: float, index: int, config: Config) -> Mood:
    if used > 1:
        return "over"
    if index == 0:
        return "even"
    above = used * config.steps[index - 1].cost / config.steps[index].cost  # as if nothing but the network took time
    return "calm" if above <= config.headroom else "even"


def _down(state: State, used: float, now_s: float, config: Config) -> State:
    """The first step below that may be cheap enough; never too far, since no step saves more than its cost says."""
    here = config.steps[state.index].cost
    below = range(state.index + 1, len(config.steps))
    index = next((i for i in below if used * config.steps[i].cost / here <= 1), below[-1])
    regretted = state.rose_s is not None and now_s - state.rose_s < config.regret_s
    patience_s = min(2 * state.patience_s, config.longest_calm_s) if regretted else config.calm_s
    return replace(state, index=index, changed_s=now_s, patience_s=patience_s, mood="even")


class Governor:
    """Chooses which frames of a live source are matted, and at which detail; lives in the matter's thread.

    set_long_side: called when the detail changes. in_turn: whether the stages take turns in one thread, so that their
    times add up; else they work side by side and the slowest counts. clock and cpu_clock: seconds that pass, and
    seconds of all processors together.
    Stats says what is going on: the levels "long_side" and "every", the counts "skipped", "steps_down", "steps_up".
    """

    def __init__(
        self, config: Config, stats: Stats, set_long_side: Callable[[int], None], *, in_turn: bool = False,
        clock: Callable[[], float] = time.perf_counter, cpu_clock: Callable[[], float] = time.process_time,
    ) -> None:  # fmt: skip
        self._config, self._stats, self._set_long_side = config, stats, set_long_side
        self._whole: Callable[[list[float]], float] = sum if in_turn else max
        self._clock, self._cpu_clock = clock, cpu_clock
        self._step = config.steps[0]

    def admitted(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """The frames that are to be matted; the cut of a frame that is skipped goes to the next."""
        self._state = begin(self._clock(), self._config)
        self._mark()
        self._take(self._step)
        cut, waited = False, self._step.every
        for frame in frames:
            self._look()
            cut = cut or frame.cut
            if waited < self._step.every:
                waited += 1
                self._stats.count("skipped")
                continue
            waited = 1
            yield replace(frame, cut=cut)
            cut = False

    def _look(self) -> None:
        """Measure and decide, if a period has passed and a frame went through in it."""
        passed_s = self._clock() - self._marked_s
        if passed_s < PERIOD_S:
            return
        before, cpu_before_s = self._totals, self._marked_cpu_s
        self._mark()
        share = (self._marked_cpu_s - cpu_before_s) / passed_s / processors()
        measured = Measured(self._whole(busy_s(before, self._totals)), share)
        if measured.busy_s:
            index = self._state.index
            self._state, step = decide(self._state, measured, self._marked_s, self._config)
            if step != self._step:
                self._stats.count("steps_down" if self._state.index > index else "steps_up")
                self._take(step)

    def _mark(self) -> None:
        self._marked_s, self._marked_cpu_s = self._clock(), self._cpu_clock()
        self._totals = self._stats.totals()

    def _take(self, step: Step) -> None:
        self._step = step
        self._set_long_side(step.long_side)
        self._stats.level("long_side", step.long_side)
        self._stats.level("every", step.every)


Totals = dict[str, tuple[int, float]]


def busy_s(before: Totals, after: Totals) -> list[float]:
    """Mean seconds per frame of each of BUSY_STAGES between two totals, after a 0 for where none went through."""
    means = [0.0]
    for stage in BUSY_STAGES:
        calls, seconds = after.get(stage, (0, 0.0))
        calls_before, seconds_before = before.get(stage, (0, 0.0))
        if calls > calls_before:
            means.append((seconds - seconds_before) / (calls - calls_before))
    return means
