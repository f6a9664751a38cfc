from __future__ import annotations

import builtins
import io
import json
import math
import os
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rimlight.compose import EdgeOptions
from rimlight.errors import BackdropError, ControlError, RimlightError
from rimlight.realtime.serve import measures
from rimlight.realtime.serve.measures import Look, MissingBackdropError, changed, from_query

GALLERY = ("dusk", "paper", "window-light")
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PATHS = [
    "../../etc/passwd", "/etc/passwd", "C:\\Windows\\win.ini", "file:///etc/passwd", "http://127.0.0.1/x.png",
    "https://example.com/x.png", "gallery:../dusk", "gallery:/etc/passwd", "gallery:dusk\0.png", "gallery:dusk\n",
    "dusk\0", "dusk", "\0", "", "gallery:", "gallery:DUSK", "upload:/etc/passwd", "upload\n", "blur", "blur:0.6\n",
    "rtsp://10.0.0.1/", "\\\\host\\share\\x.png", "~/x.png", "green", "transparent", "gallery:dusk/../paper",
]  # fmt: skip


def test_what_is_not_named_stays() -> None:
    look = changed(Look(), {"feather": 2, "quality": "low"})
    assert look == Look(feather=2.0, quality="low")
    assert changed(look, {"paused": True}) == Look(feather=2.0, quality="low", paused=True)
    assert changed(look, {}) == look


def test_all_settings_survive_a_round_trip_through_json() -> None:
    values = {
        "backdrop": "gallery:window-light", "quality": "high", "feather": 20, "shift": -1,
        "decontaminate": False, "paused": True,
    }  # fmt: skip
    look = changed(Look(), values, gallery=GALLERY)
    assert look.as_json() == values
    assert changed(Look(), json.loads(json.dumps(look.as_json())), gallery=GALLERY) == look
    assert list(look.as_json()) == list(Look.__dataclass_fields__)


def test_a_look_says_what_the_engine_needs() -> None:
    look = changed(Look(), {"feather": 1.5, "shift": 0.25, "decontaminate": False})
    assert look.edges() == EdgeOptions(1.5, 0.25, False)
    assert {name: Look(quality=name).long_side() for name in measures.LONG_SIDES} == {
        "low": 256, "medium": 384, "high": 512,
    }  # fmt: skip


GOOD = ["blur:0", "blur:0.0", "blur:0.65", "blur:1", "blur:1.0", "#000000", "#1e90FF", "gallery:dusk", "upload"]


@pytest.mark.parametrize("backdrop", GOOD)
def test_backdrops_of_the_grammar_are_taken(backdrop: str) -> None:
    assert changed(Look(), {"backdrop": backdrop}, gallery=GALLERY, has_upload=True).backdrop == backdrop


@pytest.mark.parametrize("backdrop", PATHS)
def test_a_backdrop_never_opens_a_path(backdrop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a file was touched")

    for module, name in ((builtins, "open"), (io, "open"), (os, "open"), (os, "stat"), (os.path, "isfile")):
        monkeypatch.setattr(module, name, refuse)
    with pytest.raises(BackdropError):
        changed(Look(), {"backdrop": backdrop}, gallery=GALLERY, has_upload=True)


def test_a_backdrop_that_is_not_there_is_told_apart() -> None:
    with pytest.raises(MissingBackdropError, match="no picture 'dask'; did you mean dusk"):
        changed(Look(), {"backdrop": "gallery:dask"}, gallery=GALLERY)
    with pytest.raises(MissingBackdropError, match="it is empty"):
        changed(Look(), {"backdrop": "gallery:dusk"})
    with pytest.raises(MissingBackdropError, match="PUT one"):
        changed(Look(), {"backdrop": "upload"})


REFUSED: list[tuple[object, str]] = [
    ([1], "expected settings as an object"),
    (None, "expected settings as an object"),
    ({"bakdrop": "upload"}, "no setting 'bakdrop'; did you mean backdrop"),
    ({"volume": 1}, "there are backdrop, quality"),
    ({"feather": -0.1}, "expected feather as a number from 0 to 20, got -0.1"),
    ({"feather": 20.5}, "got 20.5"),
    ({"feather": True}, "got true"),
    ({"feather": "2"}, "got '2'"),
    ({"feather": math.nan}, "got nan"),
    ({"feather": math.inf}, "got inf"),
    ({"feather": 10**5000}, "a huge number"),
    ({"shift": 1.01}, "expected shift as a number from -1 to 1, got 1.01"),
    ({"quality": "ultra"}, "expected quality as one of low, medium, high, got 'ultra'"),
    ({"quality": 512}, "got 512"),
    ({"quality": ["low"]}, "got a list"),
    ({"decontaminate": 1}, "expected decontaminate as true or false, got 1"),
    ({"paused": None}, "got nothing"),
]


@pytest.mark.parametrize(("values", "text"), REFUSED)
def test_what_cannot_be_is_refused_with_a_reason(values: object, text: str) -> None:
    with pytest.raises(ControlError, match=re.escape(text)):
        changed(Look(), values)


@pytest.mark.parametrize("value", [None, 5, True, ["blur:0.5"], {"kind": "blur"}, "blur:1.01", "blur:-0", "#12345"])
def test_what_is_no_backdrop_is_refused_with_the_grammar(value: object) -> None:
    with pytest.raises(BackdropError, match=r"expected backdrop as blur:0\.0 to blur:1\.0"):
        changed(Look(), {"backdrop": value})


def test_nothing_changes_where_one_value_is_refused() -> None:
    look = Look()
    with pytest.raises(ControlError):
        changed(look, {"feather": 3, "shift": 9})
    assert look == Look()


def outcome(values: object) -> Look | str:
    """The look, or what is said to people."""
    try:
        return changed(Look(), values, gallery=GALLERY)
    except RimlightError as error:
        return str(error)


@given(st.dictionaries(st.sampled_from([*measures.READERS, "x"]) | st.text(max_size=9), ANYTHING, max_size=4))
@example({"backdrop": "\ud800"})
def test_any_values_give_a_look_that_holds_or_an_error_for_people(values: dict[str, Any]) -> None:
    look = outcome(values)
    if isinstance(look, Look):
        assert changed(Look(), look.as_json(), gallery=GALLERY) == look
        assert 0 <= look.edges().feather_px <= 20
    else:
        json.dumps({"error": look}).encode()
        assert 0 < len(look) < 250


def test_an_address_says_the_same_as_json() -> None:
    query = {"backdrop": "#123456", "quality": "low", "feather": "2.5", "shift": "-1", "paused": "true"}
    values = {"backdrop": "#123456", "quality": "low", "feather": 2.5, "shift": -1, "paused": True}
    assert changed(Look(), from_query(query)) == changed(Look(), values)


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e3", "0x10", "1_0", " 1", "", "٣", "1" * 5000, "1."])
def test_an_address_has_numbers_written_plainly(text: str) -> None:
    with pytest.raises(ControlError, match="expected feather as a number"):
        changed(Look(), from_query({"feather": text}))


@pytest.mark.parametrize("text", ["True", "1", "yes", "on", ""])
def test_an_address_has_switches_written_plainly(text: str) -> None:
    with pytest.raises(ControlError, match="expected paused as true or false"):
        changed(Look(), from_query({"paused": text}))


@given(st.dictionaries(st.sampled_from(list(measures.READERS)) | st.text(max_size=9), st.text(max_size=30), max_size=4))
def test_any_address_gives_a_look_or_an_error(query: dict[str, str]) -> None:
    assert outcome(from_query(query))
