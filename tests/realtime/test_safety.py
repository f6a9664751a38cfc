"""The state machine of the promise, without clocks or threads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rimlight.realtime.safety import Limits, Safety, State, at, fault, finished, paused

LIMITS = Limits(late_s=0.25, stale_s=1.0, proof=3)


def live(now_s: float = 10.0) -> Safety:
    """A machine in LIVE whose newest picture was captured at now_s."""
    safety = Safety()
    for step in range(LIMITS.proof):
        captured_s = now_s - 0.03 * (LIMITS.proof - 1 - step)
        safety = finished(safety, captured_s, captured_s + 0.01, LIMITS)
    return at(safety, now_s + 0.01, LIMITS)


def test_it_starts_covered_and_needs_proof() -> None:
    safety = Safety()
    states = []
    for step in range(4):
        safety = finished(safety, step * 0.03, step * 0.03 + 0.02, LIMITS)
        states.append(safety.state)
    assert states == [State.COVER, State.COVER, State.LIVE, State.LIVE]


def test_a_late_picture_degrades_and_then_covers() -> None:
    safety = live(10.0)
    assert at(safety, 10.2, LIMITS).state is State.LIVE
    assert at(safety, 10.3, LIMITS).state is State.DEGRADED
    assert at(safety, 11.1, LIMITS).state is State.COVER


def test_after_the_limit_nothing_old_comes_back() -> None:
    covered = at(live(10.0), 11.1, LIMITS)
    assert covered.captured_s is None
    assert at(covered, 10.05, LIMITS).state is State.COVER


def test_a_fault_covers_at_once_and_asks_for_proof_again() -> None:
    safety = fault(live(10.0), "the network returned NaN")
    assert (safety.state, safety.reason) == (State.COVER, "the network returned NaN")
    safety = finished(safety, 10.1, 10.12, LIMITS)
    assert safety.state is State.COVER


def test_a_picture_that_comes_late_proves_nothing() -> None:
    safety = Safety()
    for step in range(10):
        safety = finished(safety, step * 0.5, step * 0.5 + 0.4, LIMITS)
        assert safety.state is State.COVER


def test_after_a_gap_longer_than_the_limit_proof_is_asked_for_again_even_by_a_fresh_picture() -> None:
    safety = finished(live(10.0), 12.0, 12.02, LIMITS)
    assert (safety.state, safety.proven) == (State.COVER, 1)
    safety = finished(finished(safety, 12.03, 12.05, LIMITS), 12.06, 12.08, LIMITS)
    assert safety.state is State.LIVE


def test_a_stale_picture_is_a_fault() -> None:
    assert finished(live(10.0), 10.1, 11.5, LIMITS).state is State.COVER


def test_a_pause_covers_and_its_end_needs_proof() -> None:
    safety = paused(live(10.0), True)
    safety = finished(safety, 10.05, 10.06, LIMITS)
    assert safety.state is State.COVER
    safety = paused(safety, False)
    assert at(safety, 10.07, LIMITS).state is State.COVER
    for step in range(3):
        safety = finished(safety, 10.1 + step * 0.03, 10.11 + step * 0.03, LIMITS)
    assert safety.state is State.LIVE


@pytest.mark.parametrize("bad", [{"late_s": 0.0}, {"late_s": 2.0, "stale_s": 1.0}, {"proof": 0}])
def test_limits_without_sense_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Limits(**bad)  # type: ignore[arg-type]


events = st.lists(
    st.tuples(
        st.sampled_from(["finished", "fault", "pause", "resume", "tick"]),
        st.floats(0.0, 2.0),  # how far the clock goes on
        st.floats(-0.5, 3.0),  # age of a finished picture
    ),
    max_size=60,
)


@given(events)
def test_whatever_happens_nothing_old_unproven_or_paused_is_shown(history: list[tuple[str, float, float]]) -> None:
    safety, now_s, good = Safety(), 0.0, 0
    for event, step_s, age_s in history:
        now_s += step_s
        if event == "finished":
            safety = finished(safety, now_s - age_s, now_s, LIMITS)
            stale = not 0 <= now_s - (now_s - age_s) <= LIMITS.stale_s
            good = 0 if stale else good + 1
        elif event == "fault":
            safety, good = fault(safety, "x"), 0
        elif event in ("pause", "resume"):
            before = safety.paused
            safety = paused(safety, event == "pause")
            good = good if before == safety.paused else 0
        safety = at(safety, now_s, LIMITS)
        if safety.state is not State.COVER:
            assert safety.captured_s is not None
            assert 0 <= now_s - safety.captured_s <= LIMITS.stale_s
            assert good >= LIMITS.proof
            assert not safety.paused
