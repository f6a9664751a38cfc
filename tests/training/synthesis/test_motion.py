"""Movement is smooth, bounded, and rests in the middle frame."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rimlight.training.synthesis import motion, warp
from rimlight.training.synthesis.dice import Dice
from rimlight.training.synthesis.plan import Motion, Speeds

SIZE = (288, 512)
SLACK = 1 + 1e-9


@given(
    seed=st.integers(0, 10_000), frames=st.integers(1, 40), speed=st.floats(0, 0.2), eased=st.sampled_from([0.0, 1.0])
)
@settings(max_examples=60, deadline=None)
def test_curves_keep_below_their_speed_and_acceleration(seed: int, frames: int, speed: float, eased: float) -> None:
    limits = Motion(periods=(8.0, 40.0), eased=eased)
    values = motion.curve(Dice(seed), frames, speed, limits)
    assert values.shape == (frames,)
    assert values[frames // 2] == 0
    assert np.abs(np.diff(values)).max(initial=0) <= speed * SLACK + 1e-12
    assert np.abs(np.diff(values, n=2)).max(initial=0) <= speed * 2 * math.pi / 8.0 * SLACK + 1e-12


def test_points_of_a_frame_never_jerk() -> None:
    """The corner is moved most: by shift, and by turn, zoom and shear about a point up to the frame's diagonal away."""
    top = Speeds(0.02, 0.6, 0.008, 0.003)
    limits = Motion()
    reach = math.hypot(*SIZE)
    fastest = 1.5 * 0.02 * SIZE[0] + reach * (math.radians(0.6) + 0.008 + 0.003)
    for seed in range(60):
        maps = motion.movement(Dice(seed), 16, top, limits, SIZE)
        path = warp.moved(maps, (0, 0))[:, 0]
        speed = np.linalg.norm(np.diff(path, axis=0), axis=1)
        jerk = np.linalg.norm(np.diff(path, n=2, axis=0), axis=1)
        assert speed.max() <= 1.5 * fastest
        assert jerk.max() <= 1.5 * fastest * 2 * math.pi / limits.periods[0]


def test_movements_differ_and_some_are_fast() -> None:
    top = Motion().people
    paths = [warp.moved(motion.movement(Dice(seed), 7, top, Motion(), SIZE), (144, 256))[:, 0] for seed in range(80)]
    lengths = [np.linalg.norm(np.diff(path, axis=0), axis=1).max() for path in paths]
    assert min(lengths) < 0.5
    assert max(lengths) > 2.5


def test_the_middle_frame_is_where_it_was_placed() -> None:
    assert motion.movement(Dice(1), 9, Motion().people, Motion(), SIZE)[4] == pytest.approx(np.eye(3))
    assert motion.walk(Dice(1), 9, Motion(), SIZE)[4] == pytest.approx(np.eye(3))
    assert (motion.rest(3) == np.eye(3)).all()


def test_walkers_go_one_way_at_the_plans_speed() -> None:
    ways = set()
    for seed in range(20):
        path = warp.moved(motion.walk(Dice(seed), 12, Motion(walk_speed=(0.01, 0.06)), SIZE), (100, 100))[:, 0]
        steps = np.diff(path[:, 1])
        assert np.ptp(steps) < 1e-9
        assert 0.01 * SIZE[0] <= abs(steps[0]) <= 0.06 * SIZE[0]
        assert np.abs(np.diff(path[:, 0])).max() < abs(steps[0])
        ways.add(np.sign(steps[0]))
    assert ways == {-1.0, 1.0}


def test_velocities_lead_to_the_next_frame() -> None:
    maps = motion.movement(Dice(3), 5, Motion().people, Motion(), SIZE)
    velocities = motion.velocities(maps)
    assert velocities.shape == (4, 3, 3)
    for frame in range(4):
        here, there = (warp.moved(maps[number], (10, 20)) for number in (frame, frame + 1))
        assert warp.moved(velocities[frame], here) == pytest.approx(there)


@given(seed=st.integers(0, 1000), available=st.integers(1, 12), wanted=st.integers(1, 20))
@settings(max_examples=80, deadline=None)
def test_windows_are_neighbours_in_the_clip(seed: int, available: int, wanted: int) -> None:
    chosen = motion.window(Dice(seed), available, wanted)
    assert len(chosen) == (1 if available == 1 else wanted)
    assert all(0 <= number < available for number in chosen)
    steps = np.abs(np.diff(chosen))
    assert steps.max(initial=1) <= 2
    assert steps.min(initial=1) >= 1


def test_windows_begin_anywhere_and_run_both_ways() -> None:
    drawn = [motion.window(Dice(seed), 20, 4) for seed in range(200)]
    assert {min(chosen) for chosen in drawn} >= set(range(3, 14))
    assert {chosen[1] - chosen[0] for chosen in drawn} == {-2, -1, 1, 2}
