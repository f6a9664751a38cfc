from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction

import pytest

from rimlight.realtime.governor import (
    Budget,
    Config,
    Governor,
    Step,
    configure,
)
from rimlight.realtime.stats import Stats
from rimlight.types import Frame, Size

from .streams import frames

CAMERA = Size(720, 1280)
AT_30 = configure(Budget(fps=30), 512, CAMERA, Fraction(30))

Model = Callable[[Step], float]  # seconds per frame


def area_law(network_s: float) -> Model:
    """Seconds of the network alone, which are network_s at 512."""
    return lambda step: network_s * step.long_side**2 / 512**2


class Bench:
    """A governor in a stream of time made by hand: the frames themselves turn the clocks."""

    def __init__(self, config: Config, model: Model, rate: float = 30.0, **how: bool) -> None:
        self.now_s = self.cpu_s = 0.0
        self.stats = Stats()
        self.sides: list[tuple[int, int]] = []  # (frames taken so far, long side)
        self.taken: list[Frame] = []
        self._model, self._rate = model, rate
        self._governor = Governor(
            config, self.stats, self._side, clock=lambda: self.now_s, cpu_clock=lambda: self.cpu_s, **how
        )

    def run(self, given: list[Frame]) -> None:
        for frame in self._governor.admitted(self._paced(given)):
            self.taken.append(frame)
            levels = self.stats.snapshot().levels
            self.stats.sample("matte", self._model(Step(round(levels["long_side"]), round(levels["every"]))))
            self.stats.sample("paint", 0.025)

    def _paced(self, given: list[Frame]) -> Iterator[Frame]:
        for frame in given:
            self.now_s += 1 / self._rate
            yield frame

    def _side(self, long_side: int) -> None:
        self.sides.append((len(self.taken), long_side))


def test_a_governor_lowers_the_detail_of_a_running_stream() -> None:
    bench = Bench(AT_30, area_law(0.045))
    bench.run(frames(1, Size(2, 2)) * 30 * 20)
    assert [side for _, side in bench.sides] == [512, 384]
    assert 30 * 4 < bench.sides[1][0] < 30 * 8
    shot = bench.stats.snapshot()
    assert shot.levels == {"long_side": 384, "every": 1}
    assert shot.counts == {"steps_down": 1}
    assert len(bench.taken) == 600


def test_a_governor_skips_frames_at_the_lowest_detail() -> None:
    bench = Bench(AT_30, lambda _: 0.06)
    bench.run(frames(1, Size(2, 2)) * 30 * 20)
    shot = bench.stats.snapshot()
    assert shot.levels == {"long_side": 256, "every": 2}
    assert shot.counts["skipped"] + len(bench.taken) == 600
    assert 100 < shot.counts["skipped"] < 300


@pytest.mark.parametrize(("in_turn", "long_side"), [(False, 512), (True, 256)])
def test_stages_that_take_turns_add_up(in_turn: bool, long_side: int) -> None:
    bench = Bench(AT_30, area_law(0.03), in_turn=in_turn)
    bench.run(frames(1, Size(2, 2)) * 30 * 30)
    assert bench.stats.snapshot().levels["long_side"] == long_side


def test_a_cut_on_a_skipped_frame_is_not_lost() -> None:
    config = configure(Budget(fps=15), 512, CAMERA, Fraction(30))
    bench = Bench(config, lambda _: 0.001)
    given = [replace(frame, cut=index in (0, 3, 8)) for index, frame in enumerate(frames(1, Size(2, 2)) * 12)]
    given = [replace(frame, pts_s=float(index)) for index, frame in enumerate(given)]
    bench.run(given)
    assert [(frame.pts_s, frame.cut) for frame in bench.taken] == [
        (0, True), (2, False), (4, True), (6, False), (8, True), (10, False),
    ]  # fmt: skip


def test_a_governor_measures_the_processors() -> None:
    config = configure(Budget(cpu_share=0.25), 512, CAMERA, Fraction(30))
    bench = Bench(config, lambda _: 0.001)
    stream = bench._paced(frames(1, Size(2, 2)) * 300)

    def burning() -> Iterator[Frame]:
        from rimlight.kernels.processors import processors

        for frame in stream:
            bench.cpu_s += processors() * 0.5 / 30
            yield frame

    for _ in bench._governor.admitted(burning()):
        bench.stats.sample("matte", 0.001)
    assert bench.stats.snapshot().counts["steps_down"] >= 1


def test_a_stream_that_stands_still_decides_nothing() -> None:
    bench = Bench(AT_30, lambda _: 5.0, rate=0.05)
    stream = bench._paced(frames(1, Size(2, 2)) * 20)
    for _ in bench._governor.admitted(stream):
        pass  # nothing is matted
    assert [side for _, side in bench.sides] == [512]
