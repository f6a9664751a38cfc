from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rimlight.compose import EdgeOptions
from rimlight.errors import BackdropError, ControlError, FrameError, RimlightError
from rimlight.realtime.control.changes import KNOBS, Controls, check
from rimlight.realtime.governor import Budget

from .streams import resting

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
SETTINGS = st.dictionaries(st.sampled_from([*KNOBS, "feather", "shift", "x"]), ANYTHING, max_size=4)


def test_every_knob_changes_what_it_says() -> None:
    controls = Controls(resting())
    values = {"blur": 0.7, "mirror": True, "paused": True, "quality": 64, "target_fps": 15, "cpu_share": 0.5}
    assert controls.change(values | {"edges": {"feather": 2, "shift": -0.5, "decontaminate": False}})
    status = controls.live.status()
    assert (status.backdrop, status.mirror, status.paused) == ("blur:0.7", True, True)
    assert (status.settings.long_side, status.settings.edges) == (64, EdgeOptions(2, -0.5, False))
    assert status.budget == Budget(15, 0.5)


def test_what_is_not_named_stays() -> None:
    controls = Controls(resting())
    controls.change({"edges": {"feather": 3.0}, "target_fps": 20})
    controls.change({"edges": {"shift": 0.5}, "cpu_share": 0.5})
    status = controls.live.status()
    assert status.settings.edges == EdgeOptions(3.0, 0.5)
    assert status.budget == Budget(20, 0.5)
    controls.change({"target_fps": "off", "cpu_share": "off"})
    assert controls.live.status().budget is None


REFUSED: list[tuple[object, str]] = [
    ([1], "expected an object"),
    ({"volume": 11}, "there is no volume"),
    ({"bakdrop": "blur"}, "did you mean backdrop"),
    ({"mirror": 1}, "expected mirror as true or false, got 1"),
    ({"quality": True}, "expected quality as a whole number"),
    ({"quality": 96.5}, "expected quality as a whole number"),
    ({"quality": 10**400}, "expected quality"),
    ({"blur": float("nan")}, "expected blur as a number"),
    ({"blur": "0.5"}, "got '0.5'"),
    ({"edges": {"fether": 1}}, "did you mean feather"),
    ({"edges": {"shift": None}}, "expected edges.shift as a number from -1 to 1, got nothing"),
    ({"target_fps": None}, "expected target_fps"),
    ({"backdrop": "blur", "blur": 0.5}, "one of backdrop and blur"),
]


@pytest.mark.parametrize(("values", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_what_cannot_be_meant_is_refused(values: object, said: str) -> None:
    with pytest.raises(ControlError, match=said):
        check(values)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"backdrop": "missing.jpg"}, BackdropError),
        ({"blur": 1.5}, BackdropError),
        ({"quality": 130}, FrameError),
        ({"edges": {"shift": 2}}, FrameError),
        ({"target_fps": 0}, RimlightError),
    ],
)
def test_a_change_that_is_refused_changes_nothing(values: dict[str, Any], error: type[RimlightError]) -> None:
    controls = Controls(resting())
    before = controls.live.status()
    with pytest.raises(error):
        controls.change({"mirror": True, "paused": True} | values)
    after = controls.live.status()
    assert (after.settings, after.mirror, after.paused) == (before.settings, before.mirror, before.paused)


@given(SETTINGS | ANYTHING)
def test_whatever_comes_is_understood_or_refused(values: object) -> None:
    with suppress(RimlightError):
        assert Controls(resting()).change(values)


def test_a_change_under_way_is_not_waited_for_where_nobody_may_wait() -> None:
    controls = Controls(resting())
    live = controls.live
    apply = live.apply
    busy: list[bool] = []

    def apply_and_ask(**changes: Any) -> None:
        busy.append(controls.change({"mirror": False}, wait=False))
        apply(**changes)

    live.apply = apply_and_ask  # type: ignore[method-assign]
    assert controls.change({"mirror": True})
    assert busy == [False]
    assert live.status().mirror
