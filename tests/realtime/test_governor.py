from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rimlight.errors import RimlightError
from rimlight.realtime.governor import (
    Budget,
    Config,
    Measured,
    State,
    Step,
    begin,
    busy_s,
    configure,
    decide,
    ladder,
    share_used,
)
from rimlight.types import Size

CAMERA = Size(720, 1280)
AT_30 = configure(Budget(fps=30), 512, CAMERA, Fraction(30))
TOP, BOTTOM = 0, len(AT_30.steps) - 1

Model = Callable[[Step], float]  # busy seconds per frame, or share of the processors


def busy(seconds: float) -> Measured:
    return Measured(seconds, 0.0)


def area_law(fixed_s: float, network_s: float) -> Model:
    """What stays the same at every detail, and what the network takes at 512."""
    return lambda step: fixed_s + network_s * step.long_side**2 / 512**2


def simulate(
    model: Model, seconds: int, config: Config = AT_30, noise: float = 0.0, seed: int = 0, start: State | None = None
) -> tuple[list[State], State]:
    """The state after each second of a stream whose costs follow a model."""
    chance = random.Random(seed)
    state = start or begin(0.0, config)
    first_s = state.changed_s
    states = []
    for second in range(1, seconds + 1):
        cost = model(config.steps[state.index]) * (1 + noise * chance.uniform(-1, 1))
        measured = Measured(cost, cost)
        state, step = decide(state, measured, first_s + second, config)
        assert step == config.steps[state.index]
        states.append(state)
    return states, state


def changes(states: list[State]) -> list[int]:
    """Seconds in which the step changed."""
    pairs = pairwise(states)
    return [second for second, (before, after) in enumerate(pairs, 2) if before.index != after.index]


def test_a_machine_that_is_fast_enough_keeps_full_detail() -> None:
    states, _ = simulate(area_law(0.005, 0.025), 600)
    assert {state.index for state in states} == {TOP}


def test_a_short_load_changes_nothing() -> None:
    state = begin(0.0, AT_30)
    for second, seconds in enumerate([0.02] * 10 + [0.08] * 2 + [0.02] * 10, 1):
        state, step = decide(state, busy(seconds), float(second), AT_30)
        assert step.long_side == 512


def test_a_load_that_lasts_costs_detail() -> None:
    states, state = simulate(area_law(0.0, 0.045), 30)
    assert AT_30.steps[state.index].long_side == 384
    assert len(changes(states)) == 1


def test_a_heavy_load_goes_down_at_once_as_far_as_needed() -> None:
    states, state = simulate(area_law(0.0, 0.1), 10)
    assert AT_30.steps[state.index] == Step(256)
    assert len(changes(states)) == 1


def test_a_machine_that_is_too_slow_at_the_lowest_detail_skips_frames() -> None:
    _, state = simulate(lambda _: 0.08, 60)
    assert AT_30.steps[state.index] == Step(256, 3)


def test_nothing_is_cheaper_than_the_last_step() -> None:
    states, state = simulate(lambda _: 10.0, 300)
    assert state.index == BOTTOM
    assert len(changes(states)) == 1


def test_detail_comes_back_once_the_load_has_gone_for_longer() -> None:
    _, low = simulate(area_law(0.0, 0.1), 10)
    states, state = simulate(area_law(0.0, 0.015), 200, start=replace(low, changed_s=10.0))
    assert state.index == TOP
    waits = [later - earlier for earlier, later in pairwise(changes(states))]
    assert min(waits) >= AT_30.calm_s


def test_a_step_up_is_left_out_where_it_would_not_fit() -> None:
    down = State(1, 0.0, AT_30.calm_s)
    at_448 = 0.8 / 30 * (448 / 512) ** 2
    _, stays = simulate(lambda _: at_448 * 1.02, 100, start=down)
    _, rises = simulate(area_law(0.0, 0.8 / 30 * 0.98), 100, start=down)
    assert stays.index == 1
    assert rises.index == TOP


def test_nothing_is_decided_until_a_change_has_settled() -> None:
    state = State(2, 100.0, AT_30.calm_s)
    for now_s in (100.5, 101.5, 102.9):
        assert decide(state, busy(5.0), now_s, AT_30) == (state, AT_30.steps[2])


def test_a_step_up_taken_back_is_tried_later_and_later() -> None:
    steep = {512: 0.05, 448: 0.014}  # no law of areas: a cache that is full
    states, _ = simulate(lambda step: steep.get(step.long_side, 0.01), 1200)
    ups = [second for second in changes(states) if states[second - 1].index == TOP]
    waits = [later - earlier for earlier, later in pairwise(ups)]
    assert waits[0] < waits[1] < waits[2]
    assert max(waits) <= 2 * (AT_30.longest_calm_s + 10)
    assert len(changes(states[600:])) <= 10  # in ten minutes


def test_patience_comes_back_after_a_step_up_that_lasted() -> None:
    patient = State(0, 0.0, 160.0, rose_s=0.0)
    _, state = simulate(lambda _: 0.04, 5, start=replace(patient, changed_s=AT_30.regret_s))
    assert state.index > 0
    assert state.patience_s == AT_30.calm_s


@settings(deadline=None)
@given(st.floats(0.0, 0.06), st.floats(0.0, 0.3))
def test_constant_costs_settle_and_stay(fixed_s: float, network_s: float) -> None:
    states, state = simulate(area_law(fixed_s, network_s), 400)
    assert len(changes(states)) <= BOTTOM
    assert not changes(states[300:])
    used = share_used(busy(area_law(fixed_s, network_s)(AT_30.steps[state.index])), AT_30.steps[state.index], AT_30)
    assert used <= 1 or state.index == BOTTOM


@settings(deadline=None)
@given(st.floats(0.0, 0.3), st.floats(0.0, 1.0))
def test_constant_costs_settle_under_a_share_of_the_processors(fixed: float, network: float) -> None:
    config = configure(Budget(cpu_share=0.5), 512, CAMERA, Fraction(30))
    states, _ = simulate(lambda step: (fixed + network * step.long_side**2 / 512**2) / step.every, 400, config)
    assert not changes(states[300:])


@settings(deadline=None)
@given(st.floats(0.0, 0.03), st.floats(0.0, 0.3), st.floats(0.0, 0.25), st.integers(0, 10_000))
def test_noise_does_not_make_it_restless(fixed_s: float, network_s: float, noise: float, seed: int) -> None:
    states, _ = simulate(area_law(fixed_s, network_s), 600, noise=noise, seed=seed)
    seconds = [second for second in changes(states) if second > 60]
    for first in seconds:
        assert sum(first <= second < first + 60 for second in seconds) <= 4


@settings(deadline=None)
@given(st.lists(st.floats(0.0, 1.0), min_size=60, max_size=300))
def test_whatever_happens_changes_are_apart(costs: list[float]) -> None:
    states = [begin(0.0, AT_30)]
    for second, cost in enumerate(costs, 1):
        states.append(decide(states[-1], busy(cost), float(second), AT_30)[0])
    seconds = changes(states)
    gaps = [later - earlier for earlier, later in pairwise(seconds)]
    assert all(gap >= AT_30.settle_s + AT_30.over_s for gap in gaps)


def test_the_tighter_of_two_budgets_counts() -> None:
    config = configure(Budget(fps=30, cpu_share=0.5), 512, CAMERA, Fraction(30))
    assert share_used(Measured(1 / 60, 0.1), Step(512), config) == pytest.approx(0.5)
    assert share_used(Measured(1 / 60, 0.4), Step(512), config) == pytest.approx(0.8)


def test_a_skipped_frame_leaves_the_next_one_more_time() -> None:
    assert share_used(busy(1 / 30), Step(256, 2), AT_30) == pytest.approx(0.5)


@pytest.mark.parametrize(("every", "used"), [(2, 1.5), (4, 0.75)])
def test_thinning_a_fast_source_out_lowers_no_target(every: int, used: float) -> None:
    thinned = configure(Budget(fps=15), 512, CAMERA, Fraction(30))
    assert share_used(busy(0.1), Step(256, every), thinned) == pytest.approx(used)


def test_a_source_slower_than_the_target_sets_the_pace() -> None:
    slow = configure(Budget(fps=30), 512, CAMERA, Fraction(15))
    assert share_used(busy(1 / 30), Step(512), slow) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("rate", "every"), [(Fraction(30), 1), (Fraction(60), 2), (Fraction(60_000, 1001), 2), (Fraction(50), 1)]
)
def test_a_source_faster_than_the_target_is_thinned_out(rate: Fraction, every: int) -> None:
    steps = configure(Budget(fps=30), 512, CAMERA, rate).steps
    assert steps[0] == Step(512, every)
    assert steps[-1] == Step(256, 4 * every)


@pytest.mark.parametrize(
    ("long_side", "frame", "sides"),
    [
        (512, CAMERA, [512, 448, 384, 320, 256]),
        (640, CAMERA, [640, 512, 448, 384, 320, 256]),
        (512, Size(240, 320), [320, 256]),
        (512, Size(350, 200), [352, 320, 256]),
        (192, CAMERA, [192]),
        (512, Size(2, 3), [64]),
    ],
)
def test_the_ladder_begins_where_the_stream_does(long_side: int, frame: Size, sides: list[int]) -> None:
    steps = ladder(long_side, frame)
    assert [step.long_side for step in steps if step.every == 1] == sides
    assert [step.every for step in steps[len(sides) :]] == [2, 3, 4]
    costs = [step.cost for step in steps]
    assert costs == sorted(costs, reverse=True)


@pytest.mark.parametrize(
    ("fps", "share"), [(0.0, None), (-1.0, None), (1001.0, None), (float("nan"), None), (None, 0.0), (None, 1.1)]
)
def test_a_budget_that_is_none_says_what_is_expected(fps: float | None, share: float | None) -> None:
    with pytest.raises(RimlightError, match="expected a"):
        Budget(fps, share)


def test_stages_that_wait_for_others_do_not_count() -> None:
    before = {"matte": (10, 1.0), "read": (10, 0.0)}
    after = {"matte": (14, 1.4), "paint": (4, 0.8), "read": (14, 9.0), "write": (4, 9.0)}
    assert busy_s(before, after) == pytest.approx([0.0, 0.1, 0.2])
    assert busy_s(after, after) == [0.0]
